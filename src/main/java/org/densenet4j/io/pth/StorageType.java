package org.densenet4j.io.pth;

import org.densenet4j.io.ElementType;

/** A storage class of PyTorch, {@code torch.FloatStorage}. */
record StorageType(ElementType elements) {}
