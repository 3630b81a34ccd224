import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#clock';
import { makeFolder } from '#kit';
import { moveAside, prune } from './backups.ts';
import type { Config } from './options.ts';

interface Entry {
  /** What is not written yet. */
  bytes: Uint8Array;
  points: number;
  begun: boolean;
}

const MEBIBYTE = 1024 * 1024;

/**
 * A file that is appended to, whole entries at a time, and rotated. What cannot be written stays and is tried again from
 * the very byte where it failed.
 */
export class Writer {
  readonly #options: Config;
  readonly #clock: Clock;
  readonly #entries: Entry[] = [];
  #handle: FileHandle | undefined;
  #size = 0;
  #flushing: Promise<void> | undefined;
  #running = false;
  /** Bytes that wait. */
  pending = 0;

  constructor(options: Config, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /** Metric points that wait. */
  get points(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.points, 0);
  }

  /** Between `open` and `close`, whether or not there is a file just now. */
  get running(): boolean {
    return this.#running;
  }

  async open(): Promise<void> {
    const { path: file, append, rotation, create_directory, directory_permissions } = this.#options;
    if (create_directory) {
      await makeFolder(path.dirname(file), Number.parseInt(directory_permissions, 8));
    }
    await this.#open(append || rotation ? 'a' : 'w');
    this.#running = true;
  }

  add(bytes: Uint8Array, points: number): void {
    this.#entries.push({ bytes, points, begun: false });
    this.pending += bytes.length;
  }

  /** Writes all that waits. Rejects when the disk does not take it. */
  async flush(): Promise<void> {
    while (this.#flushing) await this.#flushing.catch(() => {});
    this.#flushing = this.#writeAll();
    try {
      await this.#flushing;
    } finally {
      this.#flushing = undefined;
    }
  }

  async close(): Promise<void> {
    this.#running = false;
    await this.#release();
  }

  async #release(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #open(flags: 'a' | 'w'): Promise<FileHandle> {
    this.#handle = await open(this.#options.path, flags, 0o644);
    this.#size = (await this.#handle.stat()).size;
    return this.#handle;
  }

  async #writeAll(): Promise<void> {
    for (let entry = this.#entries[0]; entry; entry = this.#entries[0]) {
      if (!entry.begun) await this.#rotate(entry.bytes.length);
      const handle = this.#handle ?? (await this.#open('a'));
      while (entry.bytes.length) {
        const { bytesWritten } = await handle.write(entry.bytes);
        entry.begun = true;
        entry.bytes = entry.bytes.subarray(bytesWritten);
        this.#size += bytesWritten;
        this.pending -= bytesWritten;
      }
      this.#entries.shift();
    }
  }

  async #rotate(coming: number): Promise<void> {
    const { path: file, rotation } = this.#options;
    if (!rotation || this.#size === 0) return;
    if (this.#size + coming <= (rotation.max_megabytes || 100) * MEBIBYTE) return;
    await this.#release();
    await moveAside(file, rotation, this.#clock.now());
    await this.#open('a');
    await prune(file, rotation, this.#clock.now());
  }
}
