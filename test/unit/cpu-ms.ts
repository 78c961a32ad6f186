/** The time of processors that this process has had, in ms: a machine that is busy does not make it longer. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
