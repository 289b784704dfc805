package org.densenet4j.backend.cpu.asm;

/**
 * Where a tile lies in memory.
 *
 * @param first its first row
 * @param stride holds the bytes from row to row
 */
public record TileAddress(Address first, Register stride) {}
