import { randomBytes, randomInt } from 'node:crypto';
import type { Clock } from '#clock';
import { answersOf } from './answers.ts';
import {
  encodeQuery,
  type Message,
  parseMessage,
  parseQuestions,
  type QueryOptions,
  type Question,
} from './message.ts';
import { absolute, encodeName, lowerCase, MalformedMessage } from './name.ts';
import { CLASS_IN } from './types.ts';

export type Protocol = 'udp' | 'tcp';
/** How far a question had come when its time was over. `body`: an answer had begun to arrive by TCP. */
export type Phase = 'connect' | 'send' | 'answer' | 'body';
export const PHASES: readonly Phase[] = ['connect', 'send', 'answer', 'body'];

/** Why what arrived is no answer, and was ignored while waiting went on. */
export type Ignored =
  | 'wrong_id'
  | 'wrong_question'
  | 'wrong_case'
  | 'not_a_response'
  | 'malformed'
  | 'duplicate'
  | 'late';
export const IGNORED: readonly Ignored[] = [
  'wrong_id',
  'wrong_question',
  'wrong_case',
  'not_a_response',
  'malformed',
  'duplicate',
  'late',
];

/** Why asking failed before its time was over. `socket`: there was none to ask through. */
export type Failure = 'refused' | 'unreachable' | 'reset' | 'closed' | 'socket' | 'flooded' | 'other';

export interface Answered {
  readonly kind: 'answer';
  readonly message: Message;
}
export interface TimedOut {
  readonly kind: 'timeout';
  readonly phase: Phase;
}
export interface Failed {
  readonly kind: 'error';
  readonly reason: Failure;
  readonly error: Error;
}
/** What became of one question. `seconds` is from its sending (by TCP: from connecting) to its end. */
export type Outcome = (Answered | TimedOut | Failed) & { readonly protocol: Protocol; readonly seconds: number };

/** A question as it is sent. */
export interface Query {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly question: Question;
  /** The letters' case is random, and must come back as it was (draft-vixie-dnsext-dns0x20). */
  readonly caseMatters: boolean;
}

export interface AskOptions extends Omit<QueryOptions, 'id'> {
  /** Milliseconds. */
  readonly timeout: number;
  readonly randomizeCase?: boolean;
  readonly clock: Clock;
  onIgnored?(why: Ignored): void;
}

/** A new query with an id that nobody can foresee. */
export function makeQuery(
  name: string,
  type: number,
  options: Omit<QueryOptions, 'id'> & { randomizeCase?: boolean },
  classNumber = CLASS_IN,
): Query {
  const id = randomInt(0x10000);
  const text = options.randomizeCase ? withRandomCase(absolute(name)) : absolute(name);
  return {
    id,
    bytes: encodeQuery(encodeName(text), type, { ...options, id }, classNumber),
    question: { name: text, type, class: classNumber },
    caseMatters: options.randomizeCase === true,
  };
}

function withRandomCase(name: string): string {
  const bits = randomBytes(name.length);
  return name.replace(/[a-z]/gi, (letter, at: number) => (bits[at]! & 1 ? letter.toUpperCase() : letter.toLowerCase()));
}

/**
 * The message when the bytes answer the query, or why they do not. Who is not on the path must guess the id and the port; who
 * guesses them still has to repeat the question. A server that could not read the question may leave it out of its error.
 */
export function readReply(bytes: Uint8Array, query: Query): Message | Ignored {
  try {
    const { header, questions } = parseQuestions(bytes);
    if (header.id !== query.id) return 'wrong_id';
    if (!header.isResponse || header.opcode !== 0) return 'not_a_response';
    const [got] = questions;
    if (got === undefined && header.rcode !== 0 && header.counts[1] === 0) return parseMessage(bytes);
    if (got === undefined || questions.length > 1 || !sameQuestion(got, query.question)) return 'wrong_question';
    if (query.caseMatters && got.name !== query.question.name) return 'wrong_case';
    if (header.truncated) return truncatedMessage(bytes);
    const message = parseMessage(bytes);
    answersOf(message, query.question);
    return message;
  } catch (error) {
    if (error instanceof MalformedMessage) return 'malformed';
    throw error;
  }
}

function sameQuestion(a: Question, b: Question): boolean {
  return a.type === b.type && a.class === b.class && lowerCase(a.name) === lowerCase(b.name);
}

/** Some servers cut within a record. What came before does not count either (RFC 2181 §9). */
function truncatedMessage(bytes: Uint8Array): Message {
  const bare = Uint8Array.from(bytes);
  bare.fill(0, 6, 12);
  return parseMessage(bare);
}

const REASONS: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: 'refused',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETDOWN: 'unreachable',
  EHOSTDOWN: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

export function failureOf(error: Error): Failure {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? 'other';
}
