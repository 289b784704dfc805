package org.densenet4j.data;

import javax.imageio.stream.ImageInputStreamImpl;

/** A file's content as Image I/O reads it, without a copy. */
final class FileBytes extends ImageInputStreamImpl {
    private final byte[] bytes;

    FileBytes(byte[] bytes) {
        this.bytes = bytes;
    }

    @Override
    public int read() {
        bitOffset = 0;
        return streamPos < bytes.length ? bytes[(int) streamPos++] & 0xFF : -1;
    }

    @Override
    public int read(byte[] into, int offset, int count) {
        bitOffset = 0;
        if (count == 0) {
            return 0;
        }
        int read = (int) Math.min(count, bytes.length - streamPos);
        if (read <= 0) {
            return -1;
        }
        System.arraycopy(bytes, (int) streamPos, into, offset, read);
        streamPos += read;
        return read;
    }

    @Override
    public long length() {
        return bytes.length;
    }

    @Override
    public boolean isCached() {
        return true;
    }

    @Override
    public boolean isCachedMemory() {
        return true;
    }
}
