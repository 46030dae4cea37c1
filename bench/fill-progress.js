/** Says how far the filling of a store is, how fast it goes and how long it will take. */

/** @returns {(done: number) => void} shows it, at most a few times a second */
export function fillProgress(progress, what, total) {
  const startedAt = performance.now();
  let shownAt = 0;
  return (done) => {
    const now = performance.now();
    if (now - shownAt < 200 && done < total) return;
    shownAt = now;
    const perSecond = done / Math.max(0.001, (now - startedAt) / 1000);
    const left = (total - done) / perSecond;
    const count = (value) => Math.round(value).toLocaleString('en');
    progress(`${count(done)} of ${count(total)} ${what}, ${count(perSecond)}/s, ${left.toFixed(0)} s left`);
  };
}
