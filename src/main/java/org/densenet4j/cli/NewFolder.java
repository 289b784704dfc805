package org.densenet4j.cli;

import org.densenet4j.io.AtomicFile;
import org.densenet4j.io.FailureReason;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** A folder of a command's own, named after the time. */
final class NewFolder {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd-HHmmss", Locale.ROOT);

    private NewFolder() {}

    /**
     * Makes one. Of several commands that begin in the same second each gets another.
     *
     * @param prefix what its name begins with
     * @throws IOException in one line when it cannot be made
     */
    static Path make(Path parent, String prefix) throws IOException {
        AtomicFile.createFolder(parent);
        String name = prefix + LocalDateTime.now(ZoneId.systemDefault()).format(TIME);
        for (int number = 1; ; number++) {
            Path folder = parent.resolve(number == 1 ? name : name + "-" + number);
            try {
                return Files.createDirectory(folder);
            } catch (FileAlreadyExistsException e) {
                // Somebody else's: the next number.
            } catch (IOException e) {
                throw new IOException(
                        "cannot make the folder " + folder + ": " + FailureReason.of(e), e);
            }
        }
    }
}
