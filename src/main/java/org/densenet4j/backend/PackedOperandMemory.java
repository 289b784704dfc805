package org.densenet4j.backend;

/**
 * What a product needs whose second operand is put into the device's own layout once, and read by
 * many products; see {@link PackedProduct}.
 *
 * @param packed bytes of the operand in that layout; shared by all lanes, valid between packing and
 *     use
 * @param scratch bytes of library scratch in each lane
 */
public record PackedOperandMemory(long packed, long scratch) {}
