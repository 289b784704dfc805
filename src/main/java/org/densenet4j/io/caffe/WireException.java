package org.densenet4j.io.caffe;

import java.io.IOException;

/** Bytes are no protobuf message; whoever knows the file names it. */
final class WireException extends IOException {
    WireException(String problem) {
        super(problem);
    }
}
