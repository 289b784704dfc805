package org.densenet4j.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

import javax.imageio.ImageIO;

class ImageListingTest {
    @TempDir private Path folder;

    private Path image(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        ImageIO.write(new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB), "png", file.toFile());
        return file;
    }

    private Path other(String name) throws IOException {
        Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        return Files.writeString(file, "x");
    }

    @Test
    void whatIsNotUsedIsCountedAndAnUnreadImageIsNamedFirst() throws IOException {
        image("a/b.png");
        image("a/deep/c.WEBP");
        other("a/a.txt");
        other("a/d.HEIC");
        other("a/e.heic");
        other("a/README");
        other("a/.DS_Store");
        Files.createSymbolicLink(folder.resolve("a/gone.jpg"), folder.resolve("nowhere.jpg"));
        ImageListing listing = ImageListing.below(folder.resolve("a"));
        assertEquals(2, listing.files().size());
        LeftOut leftOut = listing.leftOut();
        assertEquals(6, leftOut.count());
        assertEquals(3, leftOut.images());
        String line = leftOut.toString();
        assertTrue(
                line.startsWith(
                        "6 files are left out: 2 .heic, 1 .txt, 1 hidden, 1 links to nowhere, 1"
                                + " without an extension (first: "),
                line);
        assertTrue(leftOut.first().toString().matches(".*(HEIC|heic|gone.jpg)"), line);
        assertTrue(line.contains("3 are images"), line);
    }

    @Test
    void everythingBelowAHiddenFolderIsHidden() throws IOException {
        image("train/a/1.png");
        image("train/a/.ipynb_checkpoints/1-checkpoint.png");
        image("train/a/deep/.cache/2.png");
        image("train/a/.hidden.png");
        image("train/.ipynb_checkpoints/3.png");
        ImageFolder train = ImageFolder.at(folder.resolve("train")).open();
        assertEquals(List.of("a"), train.classNames());
        assertEquals(1, train.size());
        assertEquals(
                "4 files are left out: 3 hidden folders, 1 hidden",
                train.leftOut().toString().replaceFirst(" \\(first.*", ""));
        assertEquals(0, train.leftOut().images());
    }

    @Test
    void imagesThatLieBesideTheClassesAreSaidAloud() throws IOException {
        image("train/a/1.png");
        Path lost = image("train/lost.png");
        ImageFolder train = ImageFolder.at(folder.resolve("train")).open();
        assertEquals(1, train.leftOut().images());
        assertEquals(lost, train.leftOut().first());
    }

    @Test
    void aClassOfUnreadImagesSaysWhatItHas() throws IOException {
        image("train/a/1.png");
        other("train/b/1.heic");
        String message =
                assertThrows(
                                DataException.class,
                                () -> ImageFolder.at(folder.resolve("train")).open())
                        .getMessage();
        assertTrue(message.contains("has no images that are read"), message);
        assertTrue(message.contains("1 .heic"), message);
    }

    @Test
    void aLinkThatLeadsBackIsNamed() throws IOException {
        image("train/a/1.png");
        Path up = folder.resolve("train/a/up");
        Files.createSymbolicLink(up, folder.resolve("train"));
        for (String start : List.of("train/a", "train", "")) {
            String message =
                    assertThrows(
                                    DataException.class,
                                    () -> ImageListing.below(folder.resolve(start)))
                            .getMessage();
            assertTrue(message.startsWith(up + ": is a link that leads back"), message);
        }
    }

    @Test
    void linkedClassesAndFilesAreRead() throws IOException {
        image("elsewhere/1.png");
        image("train/a/1.png");
        Files.createSymbolicLink(folder.resolve("train/b"), folder.resolve("elsewhere"));
        Files.createSymbolicLink(
                folder.resolve("train/a/2.png"), folder.resolve("elsewhere/1.png"));
        ImageFolder train = ImageFolder.at(folder.resolve("train")).open();
        assertEquals(List.of("a", "b"), train.classNames());
        assertEquals(3, train.size());
    }

    @Test
    void aNameWithALineEndIsAnyNameAndMessagesStayOneLine() throws IOException {
        image("train/a\nb\u2028c/1.png");
        image("train/z/1.png");
        ImageFolder train = ImageFolder.at(folder.resolve("train")).open();
        assertEquals(List.of("a\nb\u2028c", "z"), train.classNames());
        other("train/a\nb\u2028c/2.png");
        String message =
                assertThrows(
                                DataException.class,
                                () -> ImageFile.read(folder.resolve("train/a\nb\u2028c/2.png")))
                        .getMessage();
        assertEquals(1, message.lines().count());
        assertTrue(message.contains("a\\nb\\u2028c/2.png"), message);
    }

    @Test
    void classesAreInTheOrderOfCodePoints() throws IOException {
        image("train/\uFB00/1.png");
        image("train/\uD83D\uDE00/1.png"); // after U+FB00, although its first half is before
        image("train/B/1.png");
        image("train/a/1.png");
        ImageFolder train = ImageFolder.at(folder.resolve("train")).open();
        assertEquals(List.of("B", "a", "\uFB00", "\uD83D\uDE00"), train.classNames());
    }
}
