/** Whether a text is a selector as the Kubernetes API reads it (k8s.io/apimachinery pkg/labels and pkg/fields). */

const NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const PREFIX = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** What is wrong with a field selector (`spec.nodeName=a,status.phase!=Failed`), or undefined. */
export function fieldSelectorFault(text: string): string | undefined {
  // A backslash keeps the comma, the equals sign or the backslash behind it from meaning anything.
  const terms = text.match(/(?:\\[\s\S]|[^,\\])+|\\/g) ?? [];
  for (const term of terms) {
    const [, field, value = ''] = /^([\s\S]*?)(?:!=|==|=)([\s\S]*)$/.exec(term) ?? [];
    if (field === undefined) return `has ${JSON.stringify(term)}, which is not field=value or field!=value`;
    if (/^(?:\\[\\,=]|[^\\,=])*$/.test(value)) continue;
    return `has ${JSON.stringify(value)}, where \\ , and = must be written \\\\ \\, and \\=`;
  }
  return undefined;
}

/** What is wrong with a label selector (`app in (a, b),!old,tier=x`), or undefined. */
export function labelSelectorFault(text: string): string | undefined {
  // Commas within parentheses belong to their requirement.
  if (text.trim() === '') return undefined;
  for (const part of text.split(/,(?![^(]*\))/)) {
    const fault = requirementFault(part.trim());
    if (fault) return fault;
  }
  return undefined;
}

function requirementFault(text: string): string | undefined {
  const not = /^!\s*(.*)$/s.exec(text);
  if (not) return keyFault(not[1]!);
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set) return keyFault(set[1]!) ?? firstFault(set[3]!.split(','));
  const compared = /^([^=!<>\s]+)\s*(==|=|!=|<|>)\s*(.*)$/s.exec(text);
  if (!compared) return text === '' ? 'has an empty requirement' : keyFault(text);
  const [, key = '', operator, value = ''] = compared;
  if (/[<>]/.test(operator!) && !/^[+-]?\d+$/.test(value)) return `compares ${key} with ${JSON.stringify(value)}`;
  return keyFault(key) ?? firstFault([value]);
}

function keyFault(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  const fine = NAME.test(key.slice(slash + 1)) && (slash < 0 || (PREFIX.test(prefix) && prefix.length <= 253));
  return fine ? undefined : `has ${JSON.stringify(key)}, which is not a label's name`;
}

function firstFault(values: readonly string[]): string | undefined {
  const bad = values.map((value) => value.trim()).find((value) => value !== '' && !NAME.test(value));
  return bad === undefined ? undefined : `has ${JSON.stringify(bad)}, which is not a label's value`;
}
