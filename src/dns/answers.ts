import { dataText } from './data.ts';
import type { Message, Question } from './message.ts';
import { lowerCase } from './name.ts';

export interface Answers {
  /** The data of the records that answer the question, in the message's order. */
  readonly data: readonly string[];
  /** Aliases followed from the question's name. */
  readonly aliases: number;
  /** The aliases lead in a circle, or on and on. */
  readonly loop: boolean;
}

const CNAME = 5;
const ANY = 255;
/** Resolvers follow 8 to 16. */
const MAX_ALIASES = 16;

/**
 * What a message answers: the records of the asked type at the end of the chain of aliases that begins at the asked name.
 * Records of other names, which nobody asked for, are not answers. Throws MalformedMessage for data that break their format.
 */
export function answersOf(message: Message, question: Question): Answers {
  const own = message.answers.filter((record) => record.class === question.class);
  const alias = new Map<string, string>();
  if (question.type !== CNAME && question.type !== ANY) {
    for (const record of own) {
      if (record.type === CNAME) alias.set(lowerCase(record.name), lowerCase(dataText(message, record)));
    }
  }
  let name = lowerCase(question.name);
  let aliases = 0;
  for (let next = alias.get(name); next !== undefined; next = alias.get(name)) {
    if (++aliases > MAX_ALIASES) return { data: [], aliases, loop: true };
    name = next;
  }
  const data = own
    .filter((record) => lowerCase(record.name) === name && (record.type === question.type || question.type === ANY))
    .map((record) => dataText(message, record));
  return { data, aliases, loop: false };
}
