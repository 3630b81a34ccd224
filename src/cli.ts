/** The command line: which command, with which arguments. Exits nowhere; main.ts does. */
import { CONFIG_HELP, type Io, OK, USAGE, UsageError } from './commands/io.ts';
import { didYouMean } from './config/issue.ts';
import { version } from './version.ts';

interface Command {
  readonly summary: string;
  load(): Promise<{ run(args: readonly string[], io: Io): Promise<number> }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  run: { summary: 'run the pipelines; the default', load: () => import('./commands/run.ts') },
  validate: { summary: 'check a configuration without starting it', load: () => import('./commands/validate.ts') },
  'print-config': {
    summary: 'print the configuration merged and expanded, secrets redacted (--format yaml|json)',
    load: () => import('./commands/print-config.ts'),
  },
  components: { summary: 'list what is built in', load: () => import('./commands/components.ts') },
  schema: { summary: 'print the JSON Schema of the configuration', load: () => import('./commands/schema.ts') },
  parse: {
    summary: 'read a metrics page on standard input (--content-type T)',
    load: () => import('./commands/parse.ts'),
  },
  corefile: {
    summary: 'parse a Corefile and print it as JSON (FILE, or - for standard input)',
    load: () => import('./commands/corefile.ts'),
  },
  relabel: {
    summary: 'try relabelling rules, JSON lines on standard input',
    load: () => import('./commands/relabel.ts'),
  },
};

const HELP = `dnscol ${version} tells whether DNS is sick here, and why.

Usage: dnscol [COMMAND] [OPTIONS]

Commands:
${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`)
  .join('\n')}

Options of run, validate and print-config:
${CONFIG_HELP}
  --watch           run only: reload when a configuration file changes
  --help            this text
  --version         the version

Exit codes: 0 fine, 1 the configuration or the start failed, 2 wrong usage.
`;

/** Runs one command. The exit code: 0 fine, 1 configuration or start-up failed, 2 wrong usage. */
export async function cli(argv: readonly string[], io: Io): Promise<number> {
  const [first] = argv;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    (first === undefined ? io.stderr : io.stdout).write(HELP);
    return first === undefined ? USAGE : OK;
  }
  if (first === '--version' || first === '-v') {
    io.stdout.write(`dnscol version ${version}\n`);
    return OK;
  }
  const named = !first.startsWith('-');
  const name = named ? first : 'run';
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    return wrong(io, `there is no command ${JSON.stringify(name)}${didYouMean(name, Object.keys(COMMANDS))}`);
  const args = named ? argv.slice(1) : argv;
  if (args.includes('--help') && !['parse', 'relabel', 'corefile'].includes(name)) {
    io.stdout.write(HELP);
    return OK;
  }
  try {
    const { run } = await command.load();
    return await run(args, io);
  } catch (error) {
    if (error instanceof UsageError) return wrong(io, `${name}: ${error.message}`);
    throw error;
  }
}

function wrong(io: Io, message: string): number {
  io.stderr.write(`dnscol: ${message}\nSee dnscol --help.\n`);
  return USAGE;
}
