import { type Mutant, mutant } from './mutant.ts'

/** Voters of some tasks are lost, or out of reach, and who is left goes on with them. */
const tests = ['simulation/forks.test.ts']

/** Bugs in what becomes of storages that have lost something, and of tasks whose voters are lost. */
export const forkMutants: readonly Mutant[] = [
  mutant(
    'same-storage',
    'The storage after one that was set aside is another one.',
    [],
    [
      {
        file: '../store/directory.ts',
        from: "  const storageId = randomBytes(16).toString('hex')",
        to: "  const storageId = 'a'.repeat(32)",
      },
    ],
    { tests: ['store/set-aside.test.ts'] },
  ),
  mutant(
    'any-storage-is-back',
    'A voter that has come back on another storage has not come back.',
    [],
    [
      {
        file: 'membership.ts',
        from: '  return known?.up === true && known.hello?.storageId === storageId',
        to: '  void storageId\n  return known?.up === true',
      },
    ],
    { tests },
  ),
  mutant(
    'fork-with-majority',
    'A survivor gives up no ledger that has a majority.',
    [],
    [
      {
        file: 'orphans.ts',
        from: '    if (!hasOpenTasks(ledger) || hasMajority(machine, ledger, now)) {',
        to: '    if (!hasOpenTasks(ledger)) {',
      },
    ],
    { tests },
  ),
  mutant(
    'fork-at-once',
    'Voters that may come back are waited for.',
    [],
    [
      {
        file: 'orphans.ts',
        from: 'const waitMs = isOver ? forsakenMs : orphanMs',
        to: 'const waitMs = isOver ? forsakenMs : forsakenMs',
      },
    ],
    { quick: false, tests },
  ),
  mutant(
    'every-survivor-forks',
    'The first of several survivors goes on with a task, and no other.',
    [],
    [
      {
        file: 'orphans.ts',
        from: 'if (first === undefined || first === voter.peer) {',
        to: 'if (first === undefined || first !== undefined) {',
      },
    ],
    { quick: false, tests },
  ),
  mutant(
    'same-generation',
    'A task that is published anew is of the next generation.',
    [],
    [
      {
        file: 'orphans.ts',
        from: '  return (fork?.generation ?? 1) + 1',
        to: '  return fork?.generation ?? 1',
      },
    ],
    { quick: false, tests },
  ),
  mutant(
    'later-told-as-first',
    'An outcome of a later generation is told as that.',
    [],
    [
      {
        file: 'watch.ts',
        from: "    outbox.effects.push({ type: 'outcomes', ledger, values: [part], fork })",
        to: "    void fork\n    outbox.effects.push({ type: 'outcomes', ledger, values: [part] })",
      },
    ],
    { quick: false, tests },
  ),
  mutant(
    'first-told-as-later',
    'An outcome of the first generation is told as that.',
    [],
    [
      {
        file: 'watch.ts',
        from: "    send(outbox, peer, { type: 'outcomes', ledger, values: [part], fork })",
        to:
          '    const later = fork ?? { ledger, shift: 0, generation: 2 }\n' +
          "    send(outbox, peer, { type: 'outcomes', ledger, values: [part], fork: later })",
      },
    ],
    { tests },
  ),
  mutant(
    'old-copy-counts',
    'A voter that has forgotten a young ledger is none of its majority.',
    [],
    [
      {
        file: 'orphans.ts',
        from: '    return isHere(members, voter, one) && !hasForgotten(voter, ledger, one, now)',
        to: '    return isHere(members, voter, one)',
      },
    ],
    { tests: ['core/orphans.test.ts'] },
  ),
  mutant(
    'survivors-wait-for-each-other',
    'Who has sealed and who is to follow agree on which of them publishes open tasks anew.',
    [],
    [
      {
        file: 'orphans.ts',
        from: '  const all = [...votersToBe(voter, ledger), ...neededFor(voter, ledger)]\n',
        to: '  const all = neededFor(voter, ledger)\n',
      },
    ],
    {
      quick: false,
      seeds: { first: 9_111_380, count: 1, faults: ['swarm'] },
      tests: ['core/orphans.test.ts'],
    },
  ),
  mutant(
    'copy-keeps-tasks',
    'A copy gives its open tasks to the voter that is left, which may never have had them.',
    [],
    [{ file: 'orphans.ts', from: '    giveOpen(machine, ledger, first, now)\n', to: '' }],
    {
      quick: false,
      seeds: { first: 9_112_503, count: 1, faults: ['swarm'] },
      tests: ['core/orphans.test.ts'],
    },
  ),
]
