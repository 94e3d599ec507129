declare module 'fs-native-extensions' {
  /**
   * Takes an exclusive lock of the whole file, which ends with the descriptor. False: another descriptor has
   * one.
   */
  export function tryLock(fd: number): boolean;
}
