/** Whole agents for the end-to-end tests. */
import { fileURLToPath } from 'node:url';
import { type Child, type RunOptions, run } from './children.ts';
import { makeTree } from './tree.ts';

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

export interface Agent extends Child {
  /** The file that it was started with; write to it and send SIGHUP. */
  readonly config: string;
  rewrite(yaml: string): void;
}

/** Runs dnscol from source with this configuration, without waiting for anything. */
export function launchAgent(yaml: string, options: RunOptions & { args?: readonly string[] } = {}): Agent {
  const tree = makeTree({ 'agent.yaml': yaml });
  const config = `${tree.path}/agent.yaml`;
  const args = ['--disable-warning=ExperimentalWarning', `${PROJECT}src/main.ts`, '--config', config];
  const child = run(process.execPath, [...args, ...(options.args ?? [])], { cwd: tree.path, ...options });
  const remove = () => tree.remove();
  child.exit.then(remove, remove);
  return { ...child, config, rewrite: (text) => tree.write({ 'agent.yaml': text }) };
}

/** Runs dnscol and waits until its pipelines run. */
export async function startAgent(yaml: string, options: Parameters<typeof launchAgent>[1] = {}): Promise<Agent> {
  const agent = launchAgent(yaml, options);
  await agent.says(/everything is ready/);
  return agent;
}
