import type { MeshNode, PeerDetail } from '../index.ts'
import type { Output } from './output.ts'

/** Says that a node is up, and how it can be reached. */
export function showUp(
  node: MeshNode,
  mesh: string,
  queues: readonly string[],
  output: Output,
): void {
  const { peerId, addresses } = node
  const text = [
    `node   ${peerId}`,
    `mesh   ${mesh}`,
    ...addresses.map(address => `listen ${address}`),
    `serves ${queues.length > 0 ? queues.join(' ') : 'no queue; it produces and votes'}`,
  ]
  output.result({ event: 'up', peerId, addresses, mesh, queues, pid: process.pid }, text.join('\n'))
}

/** Tells of a node's events as they happen, and of the peers that it has met already. */
export function showEvents(node: MeshNode, output: Output): void {
  const joined = (peer: PeerDetail): void => {
    const text = `joined ${peer.peerId}${peer.guest === true ? ' (guest)' : ''}`
    output.result({ event: 'peer:joined', ...peer }, text)
  }
  node.addEventListener('peer:joined', ({ detail }) => joined(detail))
  node.addEventListener('peer:left', ({ detail }) => {
    output.result({ event: 'peer:left', ...detail }, `left   ${detail.peerId}`)
  })
  for (const { peerId, guest, connected } of node.peers()) if (connected) joined({ peerId, guest })
  node.addEventListener('storage:set-aside', ({ detail }) => {
    output.result({ event: 'storage:set-aside', ...detail }, undefined)
    output.warn(detail.message)
  })
  node.addEventListener('warning', ({ detail }) => output.warn(detail.message))
  // People would not read a line per task, and making the events has its cost.
  if (!output.json) return

  const print = (event: string, record: object): void => {
    output.result({ event, ...record }, undefined)
  }
  for (const event of ['task:claimed', 'task:cancelled', 'lease:lost'] as const) {
    node.addEventListener(event, ({ detail }) => print(event, detail))
  }
  node.addEventListener('task:done', ({ detail }) => {
    // Results can be large, and whoever publishes gets them.
    const { taskId, queue, node, attempt } = detail
    print('task:done', { taskId, queue, node, attempt })
  })
  node.addEventListener('task:failed', ({ detail: { error, ...rest } }) => {
    print('task:failed', { ...rest, error: error?.message })
  })
}
