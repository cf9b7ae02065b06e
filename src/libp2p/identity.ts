import { randomUUID } from 'node:crypto'
import { link, mkdir, open, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { invalidParameters } from './failures.ts'

/** An Ed25519 key has 68 bytes. RSA keys are larger, but nobody needs one here. */
const keyBytesMax = 8 * 1024

/** A new identity that lasts as long as the process. */
export function newIdentity(): Promise<PrivateKey> {
  return generateKeyPair('Ed25519')
}

/**
 * The private key in a file, which is made if it is missing. Only its owner can read it: whoever
 * has it is this node.
 *
 * @throws {InvalidParametersError} The file holds something else.
 */
export async function loadIdentity(path: string): Promise<PrivateKey> {
  const found = await readKey(path)
  if (found !== undefined) return found
  await mkdir(dirname(path), { recursive: true })
  await createKey(path)
  // Read back: another process may have been first, and then its key is the one that stays.
  const key = await readKey(path)
  if (key === undefined) throw invalidParameters(`${path} was removed while it was made`)
  return key
}

/** Makes a key file that is there as a whole or not at all, and never replaces one. */
async function createKey(path: string): Promise<void> {
  const options = { mode: 0o600, flag: 'wx', flush: true }
  const bytes = privateKeyToProtobuf(await newIdentity())
  const draft = `${path}.${randomUUID()}`
  await writeFile(draft, bytes, options)
  try {
    await link(draft, path)
  } catch (error) {
    // Some file systems have no hard links: written in place, a crash may leave half a key.
    if (!isCode(error, 'EEXIST')) await writeFile(path, bytes, options)
  } finally {
    await unlink(draft)
  }
}

async function readKey(path: string): Promise<PrivateKey | undefined> {
  let file
  try {
    file = await open(path)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(keyBytesMax), 0, keyBytesMax, 0)
    return privateKeyFromProtobuf(buffer.subarray(0, bytesRead))
  } catch (error) {
    throw invalidParameters(
      `${path} does not hold a private key; put it back from a copy, or remove it to become a new node`,
      error,
    )
  } finally {
    await file.close()
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
