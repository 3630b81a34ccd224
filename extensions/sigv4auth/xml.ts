const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** The text of the first element of that name, or ''; the answers of AWS are flat where it matters. */
export function element(xml: string, name: string): string {
  const begin = xml.indexOf(`<${name}>`);
  const end = xml.indexOf(`</${name}>`, begin);
  if (begin < 0 || end < 0) return '';
  const text = xml.slice(begin + name.length + 2, end).trim();
  return text.includes('<') ? '' : text.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => ENTITIES[entity]!);
}
