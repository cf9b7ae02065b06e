/* How fast clusters are simulated, and what a task costs in meshes of 3 to 1,000 nodes. */
import { parseArgs } from 'node:util'
import { countSent, publishWork } from '../src/simulator/message-cost.ts'
import { Simulation } from '../src/simulator/simulation.ts'
import { Workload } from '../src/simulator/workload.ts'

const usage = `npm run scale -- [--nodes N,N] [--tasks N] [--speed]

  --nodes N,N  meshes of so many nodes (default: 3,10,100,1000), each in a line of JSON: direct messages
               per task where tasks come one by one, and where all come at once
  --tasks N    tasks that come at once (default: 10000)
  --speed      instead: virtual time against the processor's time, of loaded clusters of 7 nodes`

/** Until nodes have found each other; until those without work ask no more often than ever. */
const joinMs = 8_000
const calmMs = 60_000
/** How long it is counted what they say while there is no work. */
const idleMs = 20_000

/** Tasks that come one by one, and how far apart. */
const singles = 200
const apartMs = 50

const hourMs = 3_600_000

/** What clusters of 7 nodes, each with 8 slots, have to do: tasks per second, and how long each may run. */
const loads = [
  { tasksPerS: 5, runMsMax: 20_000 },
  { tasksPerS: 5, runMsMax: 1_000 },
  { tasksPerS: 10, runMsMax: 1_000 },
]

/** The longest that all tasks together may take, in virtual milliseconds. */
const settleMsMax = 30 * 60_000

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3,10,100,1000' },
    tasks: { type: 'string', default: '10000' },
    speed: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.error(usage)
else if (values.speed) for (const load of loads) console.log(JSON.stringify(speed(load)))
else {
  for (const nodes of values.nodes.split(',').map(Number)) {
    console.log(JSON.stringify(cost(nodes, Number(values.tasks))))
  }
}

/** Seven nodes under a load, for an hour of theirs. */
function speed({ tasksPerS, runMsMax }: (typeof loads)[number]): Record<string, unknown> {
  const simulation = new Simulation({ seed: 1, nodes: 7, concurrency: 8, faults: ['none'] })
  const took = stopwatch()
  const tasks = tasksPerS * (hourMs / 1_000)
  void new Workload(simulation, { tasks, durationMs: hourMs, plain: true, runMsMax })
  simulation.run(hourMs)
  const { wallMs, cpuMs } = took()
  const { runs } = simulation.stats
  const simulatedMs = simulation.now()
  return {
    ...{ nodes: 7, tasksPerS, runMsMax, slotsBusy: busyOf(simulation, simulatedMs) },
    ...{ runs, simulatedMs, wallMs, cpuMs },
    perWallMs: Math.round(simulatedMs / wallMs),
    perCpuMs: Math.round(simulatedMs / cpuMs),
    violations: simulation.violations.length,
  }
}

/** The part of all slots that was busy, on average. */
function busyOf(simulation: Simulation, simulatedMs: number): number {
  let busyMs = 0
  for (const { runs } of simulation.history.tasks()) {
    for (const { at, endedAt } of runs) busyMs += Math.min(endedAt, simulatedMs) - at
  }
  return Number((busyMs / simulatedMs / (7 * 8)).toFixed(2))
}

function cost(nodes: number, tasks: number): Record<string, unknown> {
  const simulation = new Simulation({ seed: 1, nodes, concurrency: 2, faults: ['none'] })
  const took = stopwatch()
  simulation.run(joinMs)
  const joined = took()
  simulation.run(calmMs)
  const idle = countSent(simulation, () => simulation.run(idleMs))
  const began = simulation.now()
  const single = countSent(simulation, () => {
    for (let i = 0; i < singles; i++) {
      publishWork(simulation, i, 1)
      simulation.run(apartMs)
    }
    simulation.settle(settleMsMax)
  })
  const singleMs = simulation.now() - began
  const atOnce = countSent(simulation, () => {
    for (let i = 0; i * 100 < tasks; i++) publishWork(simulation, i, Math.min(100, tasks - i * 100))
    simulation.settle(settleMsMax)
  })
  const { wallMs, cpuMs } = took()
  const perTask = (count: number, of: number): number => Number((count / of).toFixed(2))
  return {
    ...{ nodes, tasks: simulation.stats.tasks, simulatedMs: Math.round(simulation.now()) },
    ...{ joinCpuMs: joined.cpuMs, wallMs, cpuMs },
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    perNodeIdle: perTask(idle / (idleMs / 1_000), nodes),
    perTaskSingle: perTask(single - (idle * singleMs) / idleMs, singles),
    perTaskAtOnce: perTask(atOnce, tasks),
    violations: simulation.violations.length,
  }
}

function stopwatch(): () => { wallMs: number; cpuMs: number } {
  const began = performance.now()
  const before = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(before)
    return {
      wallMs: Math.round(performance.now() - began),
      cpuMs: Math.round((user + system) / 1e3),
    }
  }
}
