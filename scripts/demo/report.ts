import type { DemoMesh, DemoNode } from './mesh.ts'
import type { Batch } from './publish-tiles.ts'

/** Says who did what, and what to try next. */
export function report(
  mesh: DemoMesh,
  batch: Batch,
  file: string,
  say: (text: string) => void,
): void {
  const done = [...batch.outcomes.values()]
  const again = handedOutAgain(mesh.nodes)
  say('')
  say('node     tiles  claims  note')
  for (const node of mesh.nodes) {
    const tiles = done.filter(maker => maker === node).length
    const claims = claimsOf(node).length
    const note = [
      node === mesh.publisher ? 'published the batch' : '',
      node === mesh.killed ? `killed when ${batch.doneAtKill} tiles were done` : '',
    ]
    const row = [node.name.padEnd(7), String(tiles).padStart(6), String(claims).padStart(7)]
    say(`${row.join(' ')}  ${note.join('')}`.trimEnd())
  }
  say('')
  say(
    `${done.length} tiles in ${(batch.ms / 1000).toFixed(1)} s: nothing lost, ` +
      `each with one outcome; duplicates: ${again} handed out again after the kill.`,
  )
  say(`The poster, each tile in the tint of who made it: ${file}`)
  say('')
  say('Next, in two terminals or on two machines of one LAN:')
  say('  npm run build')
  say('  node dist/cli/main.js up scripts/demo/handlers.ts --data /tmp/a')
  say('  node dist/cli/main.js publish tile \'{"x":0,"y":0,"width":80,"height":80}\' --wait')
}

/** Tasks that were claimed more than once, by whomever. */
function handedOutAgain(nodes: readonly DemoNode[]): number {
  const counts = new Map<string, number>()
  for (const taskId of nodes.flatMap(claimsOf)) counts.set(taskId, (counts.get(taskId) ?? 0) + 1)
  return [...counts.values()].filter(count => count > 1).length
}

function claimsOf(node: DemoNode): string[] {
  return node.process.lines
    .filter(({ event }) => event === 'task:claimed')
    .map(({ taskId }) => String(taskId))
}
