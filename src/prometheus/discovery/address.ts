/** Go's net.JoinHostPort: brackets around an IPv6 address. */
export function hostPort(host: string, port: number | string): string {
  return host.includes(':') || host.includes('%') ? `[${host}]:${port}` : `${host}:${port}`;
}
