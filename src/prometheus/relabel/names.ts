/** Which names Prometheus takes: `utf8` any text, `legacy` what it took before version 3. */
export type NameValidationScheme = 'utf8' | 'legacy';
export const nameValidationSchemes = ['utf8', 'legacy'] as const;

export function isValidLabelName(name: string, scheme: NameValidationScheme): boolean {
  return scheme === 'legacy' ? /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) : name !== '' && !/\p{Surrogate}/u.test(name);
}

/** A label name in which `$1` and `${name}` may stand for what a pattern will find. */
export function isLabelTemplate(text: string, scheme: NameValidationScheme): boolean {
  return scheme === 'legacy'
    ? /^(?:[a-zA-Z_]|\$\{\w+\}|\$\w)(?:\w|\$\{\w+\}|\$\w)*$/.test(text)
    : isValidLabelName(text, scheme);
}
