import type { MeshNode, TaskHandle, TaskOutcome } from '../index.ts'
import { isBlob, saveBlobs } from './blob-files.ts'
import { publish } from './publish-operation.ts'
import type { Reply, Request, RowReply, TaskRequest } from './requests.ts'
import { run } from './run/operation.ts'

type Row = RowReply['row']

/** Rows handed on together. */
const batchRows = 500

/**
 * Does what a command asks for, on a node that a user keeps up or on the command's own guest.
 */
export async function* perform(
  node: MeshNode,
  request: Request,
  inputs: AsyncIterable<readonly unknown[]>,
  signal: AbortSignal,
): AsyncGenerator<readonly Reply[]> {
  switch (request.op) {
    case 'publish':
      yield* publish(node, request, inputs, signal)
      break
    case 'run':
      yield* run(node, request, inputs, signal)
      break
    case 'tasks': {
      const { queue, state, limit } = request
      yield* rowsOf(node.tasks({ queue, state, signal }), limit, info => {
        const { id, ...rest } = info
        return { taskId: id, ...rest }
      })
      break
    }
    case 'task':
      yield [{ type: 'row', row: await describe(node, request, signal) }]
      break
    case 'logs':
      yield* logs(node, request.id, signal)
      break
    case 'cancel':
      for (const id of request.ids) {
        yield [{ type: 'row', row: await cancel(node, id, request.reason, signal) }]
      }
      break
    case 'nodes':
      for (const info of await node.nodes({ signal })) yield [{ type: 'row', row: { ...info } }]
      break
    case 'health':
      yield [{ type: 'row', row: { ...(await node.health({ signal })) } }]
      break
    default:
      request satisfies never
  }
}

async function* rowsOf<T>(
  items: AsyncIterable<T>,
  limit: number,
  rowOf: (item: T) => Row,
): AsyncGenerator<readonly RowReply[]> {
  let batch: RowReply[] = []
  let left = limit
  for await (const item of items) {
    if (left <= 0) break
    left -= 1
    batch.push({ type: 'row', row: rowOf(item) })
    if (batch.length < batchRows) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

async function describe(
  node: MeshNode,
  { id, saveTo }: TaskRequest,
  signal: AbortSignal,
): Promise<Row> {
  const handle = node.task(id)
  const state = await handle.state({ signal })
  const ended = state === 'done' || state === 'failed' || state === 'cancelled'
  if (!ended) {
    return { taskId: id, state, durable: handle.durable, explain: await handle.explain({ signal }) }
  }
  const known = await outcomeOf(handle, signal)
  if (known === undefined && saveTo === undefined) return { taskId: id, state, expired: true }
  const { taskId, error, ...outcome } = known ?? (await handle.outcome({ signal }))
  const { result } = outcome
  if (saveTo !== undefined) await saveBlobs(saveTo, taskId, result, signal)
  return { taskId, ...outcome, raw: isBlob(result) || undefined, error: error?.message }
}

/** How a task has ended; undefined if that is not kept any more. */
async function outcomeOf(
  handle: TaskHandle,
  signal: AbortSignal,
): Promise<TaskOutcome | undefined> {
  try {
    return await handle.outcome({ signal })
  } catch (error) {
    if (error instanceof Error && error.name === 'ResultExpiredError') return undefined
    throw error
  }
}

async function* logs(
  node: MeshNode,
  taskId: string,
  signal: AbortSignal,
): AsyncGenerator<readonly RowReply[]> {
  const handle = node.task(taskId)
  // Nothing would ever be heard of a task that nobody knows.
  await handle.state({ signal })
  for await (const event of handle.events({ signal })) {
    if (event.type !== 'outcome') {
      yield [{ type: 'row', row: { taskId, ...event } }]
      continue
    }
    const { state, reason, error, node: by, attempt } = event.outcome
    const row = { taskId, type: 'outcome', state, reason, error: error?.message, node: by, attempt }
    yield [{ type: 'row', row }]
  }
}

async function cancel(
  node: MeshNode,
  id: string,
  reason: string | undefined,
  signal: AbortSignal,
): Promise<Row> {
  const handle = node.task(id)
  const cancelled = await handle.cancel(reason, { signal })
  return { taskId: id, state: cancelled ? 'cancelled' : await handle.state({ signal }) }
}
