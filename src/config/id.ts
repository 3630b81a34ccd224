/** Component and pipeline ids, by the Collector's rules (component/identifiable.go). */

export interface Id {
  /** `type` or `type/name`, trimmed: what everything else calls it. */
  readonly id: string;
  readonly type: string;
  readonly name: string;
}

const TYPE = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
const NAME_LIMIT = 1024;

/** The id that a key spells, or a sentence for what is wrong with it. Blanks around type and name do not count. */
export function parseId(text: string): Id | string {
  const slash = text.indexOf('/');
  const type = (slash < 0 ? text : text.slice(0, slash)).trim();
  const name = slash < 0 ? '' : text.slice(slash + 1).trim();
  if (type === '') return 'must begin with a type, as in type or type/name';
  if (!TYPE.test(type)) {
    return 'has an invalid type: a type is a letter, then at most 62 letters, digits and underscores';
  }
  if (slash >= 0 && name === '') return 'must have a name after the slash';
  if (name.length > NAME_LIMIT) return `has a name longer than ${NAME_LIMIT} characters`;
  if (/[\s\p{C}\p{S}]/u.test(name)) return 'has a name with blanks, control characters or symbols in it';
  return { id: name ? `${type}/${name}` : type, type, name };
}
