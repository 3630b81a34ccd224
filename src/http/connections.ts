import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** The open connections of a server, and how many answers each still owes. */
export interface Connections {
  /** `busy`: counts as being used until it closes. */
  track(socket: Socket, busy?: boolean): void;
  /** An answer is owed on this connection until `response` closes. */
  owe(socket: Socket, response: ServerResponse): void;
  owes(socket: Socket): boolean;
  /** How many answers are owed on all of them. */
  readonly owed: number;
  /** Closes those that owe nothing, now, and the others as soon as they do not. */
  closeWhenDone(): void;
  destroyAll(): void;
}

export function connectionTable(): Connections {
  const table = new Map<Socket, number>();
  let owed = 0;
  let closing = false;

  function change(socket: Socket, by: number): number | undefined {
    const before = table.get(socket);
    if (before === undefined) return undefined;
    table.set(socket, before + by);
    return before + by;
  }

  return {
    get owed() {
      return owed;
    },
    track(socket, busy = false) {
      table.set(socket, busy ? 1 : 0);
      socket.on('close', () => table.delete(socket));
      socket.on('error', () => socket.destroy());
    },
    owe(socket, response) {
      owed++;
      change(socket, 1);
      response.once('close', () => {
        owed--;
        if (change(socket, -1) === 0 && closing) socket.destroySoon();
      });
    },
    owes: (socket) => (table.get(socket) ?? 0) > 0,
    closeWhenDone() {
      closing = true;
      for (const [socket, owes] of table) if (owes === 0) socket.destroy();
    },
    destroyAll() {
      for (const socket of table.keys()) socket.destroy();
    },
  };
}
