import { scrypt } from 'node:crypto'
import { invalidParameters } from './failures.ts'

/** Shortest mesh secret, in characters: 22 of base64 are 128 bits. */
export const secretCharsMin = 22

/** Longest mesh secret, in characters. */
export const secretCharsMax = 1_024

/** Distinct characters that a secret has at least: a repeated one is as good as none. */
const distinctCharsMin = 8

// 32 MiB and about 0.1 s per guess, once per start for those who know it.
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 }

/**
 * Refuses secrets that could be guessed. Anybody who reaches a node may test guesses against a
 * handshake, so it must be random and not a password.
 *
 * @throws {InvalidParametersError} It is too short, too long or too uniform.
 */
export function checkSecret(secret: string): void {
  const remedy = 'make one with "meshwork secret"'
  if (secret.length < secretCharsMin) {
    throw invalidParameters(
      `The mesh secret has ${secret.length} characters and needs ${secretCharsMin} or more; ${remedy}`,
    )
  }
  if (secret.length > secretCharsMax) {
    throw invalidParameters(
      `The mesh secret has ${secret.length} characters and may have ${secretCharsMax}; ${remedy}`,
    )
  }
  if (new Set(secret).size < distinctCharsMin) {
    throw invalidParameters(
      `The mesh secret has fewer than ${distinctCharsMin} different characters; ${remedy}`,
    )
  }
}

/**
 * 32 bytes from a mesh secret, which both sides mix into every handshake as noise's prologue.
 * The mesh's name is the salt: one secret in two meshes does not join them.
 */
export function stretchSecret(secret: string, mesh: string): Promise<Uint8Array> {
  checkSecret(secret)
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  scrypt(secret.normalize('NFC'), `meshwork prologue 1 ${mesh}`, 32, cost, (error, key) => {
    if (error === null) resolve(new Uint8Array(key))
    else reject(error)
  })
  return promise
}
