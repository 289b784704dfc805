package org.densenet4j.library;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

class LibraryFileTest {
    private static final String NAME = "/org/example/linux-x86_64/libx.so";

    @TempDir Path folder;

    private Path jar(String file, String entry, byte... content) throws IOException {
        Path jar = folder.resolve(file);
        Files.createDirectories(jar.getParent());
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            zip.putNextEntry(new ZipEntry(entry));
            zip.write(content);
        }
        return jar;
    }

    @Test
    void aJarOfTheClassPathIsFoundByTheClassLoader() {
        assertTrue(LibraryFile.find("/org/junit/jupiter/api/Test.class").isPresent());
        assertEquals(Optional.empty(), LibraryFile.find(NAME));
    }

    @Test
    void anUnresolvedModulesFileIsFoundInAJarOfTheModulePath() throws IOException {
        Path other = jar("a b#c.jar", "other");
        Path natives = jar("ü n.jar", NAME.substring(1), (byte) 3, (byte) 1);
        String path = other + File.pathSeparator + folder.resolve("gone.jar") + File.pathSeparator;
        assertEquals(Optional.empty(), LibraryFile.onModulePath(NAME, path));
        try (InputStream in =
                LibraryFile.onModulePath(NAME, path + natives).orElseThrow().openStream()) {
            assertArrayEquals(new byte[] {3, 1}, in.readAllBytes());
        }
    }

    @Test
    void foldersOfTheModulePathHoldJars() throws IOException {
        jar("mods/natives.jar", NAME.substring(1), (byte) 5);
        jar("mods/natives.zip", "/other");
        Files.createDirectory(folder.resolve("mods/folder.jar"));
        Files.writeString(folder.resolve("mods/broken.jar"), "no jar");
        String path = folder.resolve("mods").toString();
        try (InputStream in = LibraryFile.onModulePath(NAME, path).orElseThrow().openStream()) {
            assertArrayEquals(new byte[] {5}, in.readAllBytes());
        }
        assertEquals(Optional.empty(), LibraryFile.onModulePath(NAME, ""));
    }
}
