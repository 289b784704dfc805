package org.densenet4j.backend.cuda;

import java.util.List;

/**
 * The files of one major version of a library on each system.
 *
 * @param cudaMajor the major version of CUDA that it belongs to; 0 where its name does not tell
 * @param linux main file
 * @param windows main file
 * @param linuxParts beginnings of the names of files that must lie in the same folder
 * @param windowsParts the same on Windows
 */
record LibraryFiles(
        int cudaMajor,
        String linux,
        String windows,
        List<String> linuxParts,
        List<String> windowsParts) {

    /** The file that is loaded. */
    String main(boolean onWindows) {
        return onWindows ? windows : linux;
    }

    /**
     * Beginnings of the names of files that must lie in the same folder. The parts of one library
     * only work with each other, so they are never taken from different places.
     */
    List<String> parts(boolean onWindows) {
        return onWindows ? windowsParts : linuxParts;
    }
}
