export type Environment = Readonly<Record<string, string | undefined>>;

let provided: Environment = {};

/** Told once, by who starts the agent: nothing but main touches the process' own. */
export function setEnvironment(environment: Environment): void {
  provided = environment;
}

/** The environment variables that the agent was started with; none until it runs. */
export const environment = (): Environment => provided;
