import type { JsonLine } from './json-process.ts'
import type { Tile } from './mandelbrot.ts'
import type { DemoMesh, DemoNode } from './mesh.ts'
import type { Poster } from './poster.ts'

/** How a batch of tiles went. */
export interface Batch {
  /** Who made each tile, by task id. */
  readonly outcomes: ReadonlyMap<string, DemoNode>
  /** Tiles that were done when the node was killed. */
  readonly doneAtKill: number
  readonly ms: number
}

interface Outcome {
  readonly taskId: string
  readonly state: string
  readonly error?: string
  readonly node: string
  readonly result: Tile & { readonly shades: string }
}

/**
 * Publishes the tiles from one node and paints each as it comes back. Half-way, the last node
 * is killed.
 */
export async function publishTiles(
  mesh: DemoMesh,
  tiles: readonly Tile[],
  poster: Poster,
  say: (text: string) => void,
): Promise<Batch> {
  const start = performance.now()
  const outcomes = new Map<string, DemoNode>()
  const input = tiles.map(tile => `${JSON.stringify(tile)}\n`).join('')
  const command = mesh.command(['publish', 'tile', '--ndjson', '--wait'], input)
  const progress = { quarter: 1, doneAtKill: 0 }
  const failures: string[] = []

  command.onLine(line => {
    const problem = paint(line, mesh, poster, outcomes)
    if (problem !== undefined) failures.push(problem)
    killHalfWay(mesh, outcomes, tiles.length, progress, say)
    while (outcomes.size * 4 >= tiles.length * progress.quarter && progress.quarter <= 4) {
      say(`  ${String(progress.quarter * 25).padStart(3)} % of the tiles are done`)
      progress.quarter += 1
    }
  })
  const { code } = await command.exited
  if (failures[0] !== undefined) throw new Error(failures[0])
  if (code !== 0) throw new Error(`publish ended with ${code}: ${command.stderr.trim()}`)
  return { outcomes, doneAtKill: progress.doneAtKill, ms: performance.now() - start }
}

/** Paints what came back; returns what was wrong with it. */
function paint(
  line: JsonLine,
  mesh: DemoMesh,
  poster: Poster,
  outcomes: Map<string, DemoNode>,
): string | undefined {
  const { taskId, state, error, node, result } = line as JsonLine & Outcome
  if (state !== 'done') return `Task ${taskId} has ${state}: ${error ?? 'no reason given'}`
  if (outcomes.has(taskId)) return `Task ${taskId} has two outcomes`
  const maker = mesh.nodes.find(({ peerId }) => peerId === node)
  if (maker === undefined) return `Task ${taskId} was done by ${node}, which is none of ours`
  poster.paint(result, Buffer.from(result.shades, 'base64'), maker.tint)
  outcomes.set(taskId, maker)
  return undefined
}

function killHalfWay(
  mesh: DemoMesh,
  outcomes: ReadonlyMap<string, DemoNode>,
  tiles: number,
  progress: { doneAtKill: number },
  say: (text: string) => void,
): void {
  if (mesh.killed !== undefined || outcomes.size * 2 < tiles) return
  const victim = mesh.nodes.at(-1)
  if (victim === undefined) return
  mesh.kill(victim)
  progress.doneAtKill = outcomes.size
  say(`  kill -9 ${victim.process.pid}: ${victim.name} is gone, with the tiles it was working on`)
}
