package org.densenet4j.io.pth;

import java.io.IOException;

/** Where a checkpoint's pickle and the data of its storages lie. */
interface PthContainer extends AutoCloseable {
    /** The value that was saved. */
    Object root();

    /** All bytes of a storage, little-endian. */
    byte[] read(Storage storage) throws IOException;

    @Override
    void close();
}
