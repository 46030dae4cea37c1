/** Shown until the answer is there. */
export function Waiting() {
  return (
    <p role="status" className="waiting">
      One moment…
    </p>
  );
}
