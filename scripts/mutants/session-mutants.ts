import { type Mutant, mutant, type SeedPlan } from './mutant.ts'

const swarm: SeedPlan = { count: 60, faults: ['swarm'] }

/** Bugs in what comes again, and in what is told of a journal. */
export const sessionMutants: readonly Mutant[] = [
  mutant(
    'store-ends-leases',
    'A STORE that comes again changes no lease.',
    [],
    [
      {
        file: 'voter-store.ts',
        from: '    let lacking = subtract(asked, ledger.stored)',
        to: '    let lacking = subtract(asked, ledger.stored)\n    for (const lease of [...voter.leases.byId.values()]) {\n      if (lacking.length === 0 && lease.ledger === ledger.info.ledger) lease.until = now\n    }\n    voter.leases.lapseAt = now',
      },
    ],
    { quick: false, seeds: { count: 60, faults: ['network'] }, tests: ['core/evidence.test.ts'] },
  ),
  mutant(
    'store-lengthens-leases',
    'A STORE that comes again arms no lease again: its holder may be gone.',
    [],
    [
      {
        file: 'voter-store.ts',
        from: '    let lacking = subtract(asked, ledger.stored)',
        to: '    let lacking = subtract(asked, ledger.stored)\n    for (const lease of voter.leases.byId.values()) {\n      if (lacking.length === 0 && lease.ledger === ledger.info.ledger) lease.until = now + voter.leaseMs\n    }',
      },
    ],
    { tests: ['core/voter-store.test.ts'] },
  ),
  mutant(
    'store-delays-again',
    'A STORE that comes again arms no delay again.',
    [],
    [
      { file: 'voter-store.ts', from: '  makeReady,\n', to: '  makeReady,\n  makeUnready,\n' },
      {
        file: 'voter-store.ts',
        from: '    let lacking = subtract(asked, ledger.stored)',
        to: '    let lacking = subtract(asked, ledger.stored)\n    eachSeq(held, seq => {\n      const spec = specAt(ledger, chunk.spec)\n      makeUnready(ledger, spec, seq, 1)\n      makeReady(ledger, spec, seq, 1, now + chunk.delayMs, now)\n    })',
      },
    ],
    { tests: ['core/voter-store.test.ts'] },
  ),
  mutant(
    'unsynced-lsn-sent',
    'A driver tells how far the journal is durable, not how far it is written.',
    [],
    [
      {
        file: '../driver/driver.ts',
        from: 'send(to, { lsn: this.#durable, message })',
        to: 'send(to, { lsn: this.#written, message })',
      },
    ],
    { tests: ['driver/driver.test.ts'] },
  ),
  mutant(
    'unsynced-lsn-told',
    'The same, in simulated nodes: others count accepts by it that a power cut takes back.',
    [],
    [
      {
        file: '../simulator/process.ts',
        from: 'encodeEnvelope({ lsn: this.#durable, message })',
        to: 'encodeEnvelope({ lsn: this.#init.disk.lsn, message })',
      },
    ],
    { quick: false, seeds: swarm },
  ),
  mutant(
    'tentative-renewed',
    'A beat renews only what it names: of another grant its holder may never have heard.',
    [],
    [
      {
        file: 'session.ts',
        from: '    if (!lease.tentative) lease.until = now + voter.leaseMs',
        to: '    lease.until = now + voter.leaseMs',
      },
    ],
    { quick: false, seeds: { count: 200, faults: ['loss'] } },
  ),
  mutant(
    'dead-refunded',
    'What a worker held that has died stays counted: it may have died of it.',
    [],
    [
      {
        file: 'session.ts',
        from: 'function giveBack(',
        to: 'export function giveBack(',
      },
      {
        file: 'peering.ts',
        from: "import { endSession } from './lease.ts'",
        to: "import { endSession } from './lease.ts'\nimport { giveBack } from './session.ts'",
      },
      {
        file: 'peering.ts',
        from: '    endSession(leases, ledgers, holder, now)',
        to: `    for (const { ledger, claimId, ballot, seqs } of [...session.leases.values()]) {
      giveBack(machine.voter, machine.outbox, { ledger, claimId, ballot, seqs: [...seqs] }, now)
    }
    endSession(leases, ledgers, holder, now)`,
      },
    ],
    { quick: false, seeds: { count: 60, faults: ['crashes'] } },
  ),
  mutant(
    'old-beat-refunds',
    'A beat that was sent before a claim was decided says nothing of its grants.',
    [],
    [
      {
        file: 'session.ts',
        from: '    if (isUndecided(renew, lapsed.claimId)) return [lapsed]\n',
        to: '',
      },
    ],
    { tests: ['core/session.test.ts'] },
  ),
  mutant(
    'old-list-frees',
    'A list that was sent before a claim was decided gives back nothing of it.',
    [],
    [
      {
        file: 'session.ts',
        from: '    if (isUndecided(renew, lease.claimId)) continue\n',
        to: '',
      },
    ],
    { tests: ['core/session.test.ts'] },
  ),
  mutant(
    'lost-asked-again',
    'Asked one after the other, a voter is asked for what is still asked for: the rest nobody gives back.',
    [],
    [
      {
        file: 'ask.ts',
        from: '    seqs: tasksWhere(claiming, at => claiming.phase[at] === ASKING),',
        to: '    seqs: claiming.seqs,',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_530_060, count: 1, faults: ['swarm'] },
      tests: ['core/ask.test.ts'],
    },
  ),
  mutant(
    'release-ends-any-lease',
    'What is given back late ends no lease that another claim was granted since.',
    [],
    [
      {
        file: 'recovery.ts',
        from: '    if (lease !== undefined && sameBallot(lease.ballot, ballot)) pushRun(freed, seq, 1)',
        to: '    if (lease !== undefined) pushRun(freed, seq, 1)',
      },
    ],
    { tests: ['core/recovery.test.ts'] },
  ),
  mutant(
    'renewed-elsewhere',
    'A task is leased as long as voters that have granted this task say, not any task of its claim.',
    [],
    [
      {
        file: 'claim.ts',
        from: '  const until = largest(claiming.until, grants, majorityOf(claiming.until.length))',
        to: '  const until = largest(claiming.until, grants | 0xff, majorityOf(claiming.until.length))',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_509_370, count: 1, faults: ['swarm'] },
      tests: ['core/renew.test.ts'],
    },
  ),
  mutant(
    'delayed-once-more',
    'A STORE that is sent again says what is left of a delay by then.',
    [],
    [
      {
        file: 'storing.ts',
        from: '  const chunks = [chunkAfter(storing.chunk, now - storing.since)]',
        to: '  const chunks = [chunkAfter(storing.chunk, 0 * now)]',
      },
    ],
    { quick: false, seeds: { first: 9_610_435, count: 1, faults: ['swarm'] } },
  ),
  mutant(
    'old-copy-idle',
    'A voter that does not know a ledger is told of its tasks as anybody else.',
    [],
    [
      {
        file: 'quorum.ts',
        from: '  return info.voters[index]?.storageId === storageId && (unknownTo & (1 << index)) === 0',
        to: '  return info.voters[index]?.storageId === storageId && unknownTo >= 0',
      },
    ],
    { quick: false, seeds: { first: 9_662_881, count: 1, faults: ['swarm'] } },
  ),
  mutant(
    'own-retry-settled',
    'A retry is not settled while somebody else runs the task, whoever has accepted it.',
    [],
    [
      {
        file: 'win.ts',
        from: '    if (part !== undefined && (isTerminal(part) || free)) settled.push(part)',
        to: '    if (part !== undefined && (mine || isTerminal(part) || free)) settled.push(part)',
      },
    ],
    { tests: ['core/win.test.ts'] },
  ),
  mutant(
    'leaves-asking',
    'A node that leaves runs nothing any more that it has only asked for.',
    [],
    [
      {
        file: 'route.ts',
        from: "    if (claiming.intent === 'run') leaveClaim(proposer, outbox, claiming)",
        to: "    if (claiming.intent === 'run') abortRuns(proposer, outbox, claiming, claiming.seqs, 'leaving')",
      },
      {
        file: 'route.ts',
        from: "import { leaveClaim } from './drop-runs.ts'",
        to: "import { abortRuns } from './drop-runs.ts'",
      },
    ],
    {
      quick: false,
      seeds: { first: 9_797_630, count: 1, faults: ['swarm'] },
      tests: ['core/drain.test.ts'],
    },
  ),
  mutant(
    'guest-heard',
    'A guest is heard only where it publishes or waits for outcomes.',
    [],
    [
      {
        file: 'receive.ts',
        from: '  if (machine.members.guests.has(from) && !guestMessages.has(message.type)) return\n',
        to: '',
      },
    ],
    { tests: ['core/roles.test.ts'] },
  ),
]
