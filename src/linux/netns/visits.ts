/** What the thread that visits namespaces is asked and answers. */

export interface Visit {
  id: number;
  /** A namespace's file, such as `/proc/4711/ns/net`, and the inode it must have: the process may be another by now. */
  file: string;
  inode: number;
  protocol: 'udp' | 'tcp';
  family: 4 | 6;
}

/** First, once: why this thread cannot visit, or ''. Then an answer to each visit. */
export type Answer = { why: string } | { id: number; fd: number } | { id: number; error: string; code: string };

/** The message that lets the thread end, once it has answered all that came before. */
export const END = 'end';
