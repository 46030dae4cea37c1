/** Shows on the terminal where a run is: one line that changes, or a line each where there is no terminal. */
const startedAt = performance.now();

export function progressOf(part) {
  return (text) => {
    const seconds = Math.floor((performance.now() - startedAt) / 1000);
    const time = `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
    const line = `${time}  ${part}: ${text}`;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[2K${line}` : `${line}\n`);
  };
}

export function endProgress() {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
}
