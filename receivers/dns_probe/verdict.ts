import { answersOf, type Exchange, lowerCase } from '#dns';
import type { Hostname } from './config.ts';

export interface Verdict {
  readonly success: boolean;
  /** Why it is none: `timeout`, `refused`, `rcode`, … */
  readonly reason: string;
  /** The data of the answers. */
  readonly answers: readonly string[];
}

/** Compares what became of a question with what was expected. */
export function judge(
  { outcome, query }: Exchange,
  expected: Pick<Hostname, 'rcodes' | 'answers' | 'minAnswers'>,
): Verdict {
  const failed = (reason: string, answers: readonly string[] = []): Verdict => ({ success: false, reason, answers });
  if (outcome.kind === 'timeout') return failed('timeout');
  if (outcome.kind === 'error') return failed(outcome.reason);
  const { message } = outcome;
  const { data, loop } = answersOf(message, query.question);
  if (!expected.rcodes.includes(message.rcodeName)) return failed('rcode', data);
  if (message.truncated) return failed('truncated', data);
  if (loop) return failed('alias_loop');
  const got = new Set(data.map(lowerCase));
  const complete = expected.answers.every((one) => got.has(lowerCase(one))) && data.length >= expected.minAnswers;
  return complete ? { success: true, reason: '', answers: data } : failed('answers', data);
}
