package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;

/** A machine that cannot load the decoder of WebP says so in one line. */
class LibwebpTest {
    private static final String FILE = "src/test/resources/images/lossless.webp";

    /** Reads a file and prints what became of it. */
    static final class ReadImage {
        private ReadImage() {}

        public static void main(String[] files) throws IOException {
            try {
                System.out.println(ImageFile.read(Path.of(files[0])).width() + " columns");
            } catch (DataException e) {
                System.out.println(e.getMessage());
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-Dx=y | 21 columns",
                "-Djava.io.tmpdir=/proc | "
                        + FILE
                        + ": WebP is not decoded on this machine: /proc cannot be written; name a"
                        + " folder that can by -Djava.io.tmpdir=",
                "-Dos.arch=abacus | "
                        + FILE
                        + ": WebP is not decoded on this machine: there is no libwebp for Linux on"
                        + " abacus"
            })
    void readsOrSaysInOneLineWhyNot(String option, String line) throws Exception {
        Process java =
                new ProcessBuilder(
                                List.of(
                                        Path.of(System.getProperty("java.home"), "bin", "java")
                                                .toString(),
                                        "--enable-native-access=ALL-UNNAMED",
                                        option,
                                        "-cp",
                                        System.getProperty("java.class.path"),
                                        ReadImage.class.getName(),
                                        FILE))
                        .redirectError(new File("/dev/null"))
                        .start();
        String out =
                new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertEquals(0, java.waitFor());
        assertEquals(line, out);
    }
}
