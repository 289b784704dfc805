package org.densenet4j.io.pth;

import org.densenet4j.io.ElementType;

/**
 * A storage class of PyTorch, such as {@code torch.FloatStorage}.
 *
 * @param name its full name
 * @param elements what it holds; null where that is nothing that is read here
 * @param bytes of one element; 0 where that is not known
 */
record StorageType(String name, ElementType elements, int bytes) {}
