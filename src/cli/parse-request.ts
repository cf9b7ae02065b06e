import { UsageError } from './errors.ts'
import type { Request } from './requests.ts'

type Fields = Readonly<Record<string, unknown>>

/** Tasks that one request may cancel. */
const idsMax = 10_000

/**
 * The request in what a command sent. What the library checks by itself, such as the options of a
 * publish, is left to it.
 *
 * @throws {UsageError} It is none, or one of another version.
 */
export function parseRequest(value: unknown): Request {
  const fields: Fields = typeof value === 'object' && value !== null ? { ...value } : {}
  const check = checks[String(fields['op'])]
  if (check === undefined) throw new UsageError('The node does not know this request')
  if (!check(fields)) throw new UsageError('The request lacks what it needs')
  return fields as unknown as Request
}

const checks: Readonly<Record<string, ((fields: Fields) => boolean) | undefined>> = {
  publish: ({ queue, options, wait, waitTimeoutMs, files, saveTo }) =>
    isText(queue) &&
    (files === undefined || typeof files === 'boolean') &&
    (saveTo === undefined || isText(saveTo)) &&
    typeof options === 'object' &&
    options !== null &&
    typeof wait === 'boolean' &&
    isCount(waitTimeoutMs),
  run: ({ options, waitTimeoutMs, keepOrder, live }) =>
    typeof options === 'object' &&
    options !== null &&
    isCount(waitTimeoutMs) &&
    typeof keepOrder === 'boolean' &&
    typeof live === 'boolean',
  tasks: ({ queue, state, limit }) =>
    (queue === undefined || isText(queue)) &&
    (state === undefined || isText(state)) &&
    isCount(limit),
  task: ({ id, saveTo }) => isText(id) && (saveTo === undefined || isText(saveTo)),
  logs: ({ id }) => isText(id),
  cancel: ({ ids, reason }) =>
    Array.isArray(ids) &&
    ids.length <= idsMax &&
    ids.every(isText) &&
    (reason === undefined || isText(reason)),
  nodes: () => true,
  health: () => true,
} satisfies Record<Request['op'], (fields: Fields) => boolean>

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isCount(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
