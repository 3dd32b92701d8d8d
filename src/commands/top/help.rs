//! **Job:** the help of the live screen: the keys, and what every figure means.
//! **Owns:** that text.
//! **Never:** is needed to read the screen: units stand with the figures.

pub(super) const HELP: &str = "\
KEYS
  q Esc Ctrl-C     quit
  d w h r n        sort by depth, wait (p99), handle (p99), rate, name
  arrows, PgUp, PgDn, Home, End   move
  /                search in ids and titles
  p                pause or resume the selected item, after y

Rates and percentiles are of the last ten seconds, from the server's counters. Percentiles are read off
buckets, each about twice as wide as the one before: an estimate. - means that there was nothing to measure.

HEADER
  the verdict   the server's own, healthy, degraded or stopped, with its reasons below; the same as on the dashboard
  orders/s      orders committed
  attempts/s    purchases asked for; refused: the share that got no order
  in flight     purchases between their admission and their answer, and how many may be
  durability    what a confirmed order survives: full a power cut, normal a crash of the process
  cores         CPU time of each core thread

FUNNEL          layers in front of an order, outermost first
  in, passed    attempts since the start
  refused       answers given at that layer since the start, by reason, the largest first, and per second

WRITER          commits the orders of all items in batches
  commits       per second, by what closed the batch: drained (nothing more waited), full, linger, draining
  queue         decisions that wait for a commit
  batch         entries in one commit
  commit, sync  the whole batch; the log write and fsync in it
  storage       open, full, locked or moved

ACTORS          one for each item, and the writer
  left/supply   units left of the first stock and all restocks
  depth         messages waiting now; high water: most at once since the start
  messages/s    messages handled
  wait          from the post of a message until the actor takes it up
  handle        from there until it is done
";
