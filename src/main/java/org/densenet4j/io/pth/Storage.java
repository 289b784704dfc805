package org.densenet4j.io.pth;

/**
 * The memory behind tensors, as a pickle refers to it.
 *
 * @param key name of the record with the data
 * @param type class of the storage
 * @param count number of elements
 */
record Storage(String key, StorageType type, long count) {
    long bytes() {
        return count * type.bytes();
    }
}
