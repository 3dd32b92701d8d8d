// Job: what stands at the top of the page: the server's verdict, or that the server cannot be heard.
// Owns: the words for the one thing that only the page can know: there is no connection yet, or none any more.
// Never: judges: what a snapshot says about itself is shown as it is.

/**
 * `{level, headline, reasons}`, each reason with `code` and `text`. Level is one of `healthy`, `degraded`, `stopped`,
 * which the server says, or `lost` or `unknown`.
 *
 * `current` is the newest snapshot or `null`. `lost` is `null`, or the time of day since which none came.
 */
export function verdict({ current, lost = null }) {
  if (lost !== null) {
    return { level: "lost", headline: `Connection lost since ${lost}`, reasons: [{ code: "connection-lost",
      text: "The sale may well go on; this page cannot see it. Figures below are the last ones. Trying again." }] };
  }
  return current?.verdict ?? { level: "unknown", headline: "Connecting…", reasons: [] };
}

/** Whether the server gives this reason. */
export function has(current, code) {
  return current.verdict.reasons.some((reason) => reason.code === code);
}
