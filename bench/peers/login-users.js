/** Who logs in at the servers of the other libraries. */
const [, , count] = process.argv;

export const users = Array.from({ length: Number(count) }, (_, index) => `user${String(index)}`);
export const password = 'correct horse battery staple';
