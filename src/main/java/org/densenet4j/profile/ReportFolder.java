package org.densenet4j.profile;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.report.Figure;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A folder that a report is written into. */
record ReportFolder(Path path) {

    static ReportFolder make(Path path) throws IOException {
        try {
            Files.createDirectories(path);
        } catch (IOException e) {
            throw new IOException(
                    "cannot make the folder "
                            + path
                            + " ("
                            + e.getClass().getSimpleName()
                            + "); name another one with --out",
                    e);
        }
        return new ReportFolder(path);
    }

    void write(String name, String text) throws IOException {
        AtomicFile.write(path.resolve(name), text);
    }

    /** Writes a figure as PNG and as SVG. */
    void write(String name, Figure figure, int width, int height) throws IOException {
        figure.write(path.resolve(name + ".png"), width, height);
        figure.write(path.resolve(name + ".svg"), width, height);
    }
}
