/** Signals a process that was started `detached`, and all that it has started. False where nothing of it is there any more. @param signal 0 only asks */
export function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}
