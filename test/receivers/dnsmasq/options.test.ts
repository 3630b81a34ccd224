import { expect } from 'chai';
import { readOptions } from '../../../receivers/dnsmasq/options.ts';

/** The options of a dnsmasq with these arguments, in a file system of these files. */
function options(args: string, files: Record<string, string> = {}) {
  return readOptions(['dnsmasq', ...args.split(' ').filter(Boolean)], {
    read: (path) => files[path],
    list: (folder) =>
      Object.keys(files)
        .filter((path) => path.startsWith(`${folder}/`))
        .map((path) => path.slice(folder.length + 1)),
  });
}

describe("dnsmasq's options", () => {
  const allows = (args: string, connections: number, files?: Record<string, string>) =>
    it(`${args || 'nothing'}${files ? ` with ${Object.keys(files)}` : ''} allows ${connections} connections`, () =>
      expect(options(args, files).maxTcpConnections).to.equal(connections));
  const listens = (args: string, port: number, files?: Record<string, string>) =>
    it(`${args} ${files ? JSON.stringify(files) : ''} listens on ${port}`, () =>
      expect(options(args, files).port).to.equal(port));

  allows('', 20);
  allows('-k --max-tcp-connections=50', 50);
  allows('--max-tcp-connections 200 -k', 200);
  allows('--max-tcp-connections=50 --max-tcp-connections=60', 60);
  allows('--max-tcp-connections=0', 20);
  allows('--max-tcp-connections=many', 20);
  allows('--max-tcp-connections', 20);
  allows('--server --max-tcp-connections=7', 7);
  allows('-- --max-tcp-connections=7', 20);
  allows('', 30, { '/etc/dnsmasq.conf': 'max-tcp-connections=30\n' });
  allows('-C /a', 20, { '/etc/dnsmasq.conf': 'max-tcp-connections=30\n', '/a': '' });
  allows('-C/a', 31, { '/a': 'max-tcp-connections=31\n' });
  allows('--conf-file=/a', 31, { '/a': 'max-tcp-connections=31\n' });
  // The file is read after the whole command line.
  allows('--conf-file=/a --max-tcp-connections=9', 31, { '/a': 'max-tcp-connections=31\n' });
  // A second one is read where it stands, and the first last.
  allows('-C /a -C /b', 1, { '/a': 'max-tcp-connections=1\n', '/b': 'max-tcp-connections=2\n' });
  allows('-C /a', 3, { '/a': 'conf-file=/b\n', '/b': 'conf-file=/a\nmax-tcp-connections=3\n' });
  allows('-C -', 20);
  allows('--conf-file=/dev/null', 20, { '/dev/null': 'max-tcp-connections=3' });
  allows('-7 /d', 2, { '/d/1': 'max-tcp-connections=1\n', '/d/2': 'max-tcp-connections=2\n' });
  allows('--conf-dir=/d,*.conf', 1, { '/d/1.conf': 'max-tcp-connections=1', '/d/2.bak': 'max-tcp-connections=2' });
  allows('--conf-dir=/d,.bak', 1, { '/d/1.conf': 'max-tcp-connections=1', '/d/2.bak': 'max-tcp-connections=2' });
  allows('--conf-dir=/d', 1, { '/d/1': 'max-tcp-connections=1', '/d/.2': 'max-tcp-connections=2' });
  allows('--conf-dir=/d', 1, { '/d/1': 'max-tcp-connections=1', '/d/2~': 'max-tcp-connections=2' });
  allows('-C /a', 5, { '/a': '  max-tcp-connections = 5   # five\n' });
  allows('-C /a', 5, { '/a': 'max-tcp-connections="5"\n' });
  allows('-C /a', 20, { '/a': '# max-tcp-connections=5\n' });
  allows('-C /a', 20, { '/a': 'max-tcp-connections\nmax-tcp-connections=x\n=\n' });

  listens('-k', 53);
  listens('-p 5353', 5353);
  listens('-p5353', 5353);
  listens('-kdp 5353', 5353);
  listens('-u nobody -p 5353', 5353);
  listens('-unobody --port=5353', 5353);
  listens('--port 0', 0);
  listens('-C /a', 5353, { '/a': 'port=5353' });
});
