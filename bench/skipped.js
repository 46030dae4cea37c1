/** Thrown by a part that cannot run on this machine; the message says what is missing and the command that brings it. */
export class Skipped extends Error {}
