package org.densenet4j.cli;

import org.densenet4j.plan.Bytes;
import org.densenet4j.train.RunFolder;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What a run's checkpoints take on the disk: the last state, the best one, and for a moment a new
 * one beside them.
 *
 * @param checkpoint bytes of one
 * @param needed bytes that are not there yet
 * @param free bytes that the disk has
 */
record DiskSpace(long checkpoint, long needed, long free) {
    /**
     * Looks at the disk of a folder, which need not be there.
     *
     * @param checkpoint bytes of one
     */
    static DiskSpace of(Path folder, long checkpoint) throws IOException {
        long missing =
                1
                        + List.of(RunFolder.CHECKPOINT, RunFolder.BEST).stream()
                                .filter(name -> !Files.exists(folder.resolve(name)))
                                .count();
        Path there = folder.toAbsolutePath();
        while (!Files.exists(there) && there.getParent() != null) {
            there = there.getParent();
        }
        FileStore disk = Files.getFileStore(there);
        // Where no file can be made there is no space at all; that is somebody else's to refuse.
        long free = disk.getTotalSpace() == 0 ? Long.MAX_VALUE : disk.getUsableSpace();
        return new DiskSpace(checkpoint, missing * checkpoint, free);
    }

    /**
     * Refuses a run that would fail when it saves.
     *
     * @throws IOException in one line when the disk has too little free
     */
    DiskSpace checked(Path folder) throws IOException {
        if (free < needed) {
            throw new IOException(
                    folder
                            + ": the disk has "
                            + Bytes.format(free)
                            + " free, and the run's checkpoints need "
                            + Bytes.format(needed)
                            + "; free some, or name a folder on another disk with --out");
        }
        return this;
    }

    @Override
    public String toString() {
        return "checkpoints of "
                + Bytes.format(checkpoint)
                + ", "
                + Bytes.format(needed)
                + " more on a disk with "
                + Bytes.format(free)
                + " free";
    }
}
