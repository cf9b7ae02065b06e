/** Packages by path, as in a lock file. */
export type Packages = Readonly<
  Record<string, { readonly version?: string; readonly optional?: boolean }>
>

/** Why node_modules is not what the lock file says, or `undefined` if it is. */
export function whyStale(wanted: Packages, installed: Packages | undefined): string | undefined
