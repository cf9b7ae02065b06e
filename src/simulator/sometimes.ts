/**
 * What must happen somewhere in some hundred seeds. A rule that no run comes near to is not tested
 * by them, however often they pass.
 */
export const sometimes = [
  // What goes wrong with nodes.
  'killed',
  'power lost',
  'crash within a turn',
  'full restart',
  'poisoned',
  'handler blocks',
  'paused',
  'wall clock set',
  'left',
  'departed',
  'joins late',
  'restart with accepts',
  'restart from a checkpoint',
  // With the network.
  'partition',
  'one-way partition',
  'bridged partition',
  'flapping connection',
  'frame: lost',
  'frame: duplicated',
  'frame: reordered',
  'frame: delayed',
  'frame: no stream',
  'stream: down',
  // With disks.
  'checkpoint',
  'unsynced entries lost',
  'torn write cut',
  'sync failed',
  'bit flipped',
  'disk full',
  'start refused: disk full',
  'disk wiped',
  'disk rolled back',
  'quarantined: a sync has failed',
  'quarantined: an entry has another checksum',
  'quarantined: others have seen more of it',
  // Claims.
  'claim run',
  'claim any',
  'claim raise',
  'claim finish',
  'claim cancel',
  'refused settled',
  'refused not-due',
  'refused blocked',
  'refused held',
  'refused behind',
  'refused missing',
  'granted with an accepted value',
  'granted with records',
  'granted directly',
  'finisher settled',
  // Leases.
  'tentative lease expired',
  'lease expired',
  'sent renewed',
  'wrote released',
  'session list asked for',
  'session lease lost',
  'abort lease-lost',
  'abort cancelled',
  'abort leaving',
  'sent lost',
  // Runs.
  'another run',
  'two runs at once',
  'run ended done',
  'run ended error',
  'run ended timeout',
  'run ended unrecoverable',
  'run ended result',
  'run ended released',
  // Decisions.
  'retry accepted',
  'settle behind',
  'settle settled',
  'settle missing',
  'an outcome is chosen again by a later ballot',
  'outcome done',
  'outcome cancelled',
  'outcome failed(attempts)',
  'outcome failed(unrecoverable)',
  'outcome failed(timeout)',
  'outcome failed(result)',
  'outcome failed(deliveries)',
  'outcome failed(expired)',
  'cancelled',
  'cancelled too late',
  // Other voters.
  'sent invite',
  'sent elect',
  'elect refused',
  'sent install',
  'sent seal',
  'sent state',
  'sent moved',
  'wrote sealed',
  'wrote installed',
  'wrote moved',
  'observer stands',
  // Other generations.
  'disaster',
  'wrote forked',
  'outcome of a later generation shown',
  // Records on their way.
  'published',
  'key met again',
  'key conflict',
  'publish refused',
  'sent submit',
  'submit refused: full',
  'sent compare',
  'sent fetch',
  'sent records',
  'sent sync',
  'worker waits for tasks',
  'tasks offered',
  'sent watch',
  'sent unwatch',
  'sent goodbye',
  'sent progress',
  'store full',
  'store settled',
  'sent unknown-ledger',
  'sent collected',
  'outcome collected before it was told',
] as const

/** What is counted, and comes about in no seed, or in one of thousands; each is tried on one node in `test/core/`. */
export const outOfReach: Readonly<Record<string, string>> = {
  'refused leap': 'no run draws 2²⁰ counters',
  'store conflict':
    'needs an old copy of the producer’s disk whose CLOSE overtakes what the fellows of a voter tell it',
  'sent collected-later':
    'needs a lost majority, a survivor, little room, and somebody who asks late: one seed of some thousand',
  'submit refused: conflict': 'guests publish without keys, since another host would not know them',
}

/**
 * After so many seeds of the swarm an event that none of them has come to is one that they do not
 * reach: what is rarest happens in one seed of two or three hundred.
 */
export const seedsEnough = 2_000

/** How often each of them has happened, over some runs. */
export class CoverageTable {
  readonly #counts = new Map<string, number>()
  #runs = 0

  /** How many runs were added. */
  get runs(): number {
    return this.#runs
  }

  /** Whether what has never happened in so many runs of the swarm cannot be chance. */
  get isEnough(): boolean {
    return this.#runs >= seedsEnough
  }

  add(counts: ReadonlyMap<string, number>): void {
    this.#runs += 1
    for (const [name, count] of counts) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + count)
    }
  }

  /** Each event that must happen, with how often it has. */
  rows(): { readonly event: string; readonly count: number }[] {
    return sometimes.map(event => ({ event, count: this.#counts.get(event) ?? 0 }))
  }

  /** What has never happened. */
  missing(): string[] {
    return this.rows().flatMap(({ event, count }) => (count === 0 ? [event] : []))
  }
}
