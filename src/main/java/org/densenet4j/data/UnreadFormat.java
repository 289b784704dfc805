package org.densenet4j.data;

import static org.densenet4j.data.ImageFormat.startsWith;

import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/** Says what a file is that is not read: the files that people have instead of JPEG and PNG. */
final class UnreadFormat {
    /** The start of a file that tells its format. */
    private record Start(int at, String bytes, String name) {}

    /** Latin-1: one character is one byte. */
    private static final List<Start> IMAGES =
            List.of(
                    new Start(0, "\0\0\0\fjP  ", "a JPEG 2000 image"),
                    new Start(0, "\u00ffO\u00ffQ", "a JPEG 2000 image"),
                    new Start(0, "\0\0\0\fJXL ", "a JPEG XL image"),
                    new Start(0, "\u00ff\n", "a JPEG XL image"),
                    new Start(0, "II\u00bc", "a JPEG XR image"),
                    new Start(0, "II+\0", "a BigTIFF image"),
                    new Start(0, "MM\0+", "a BigTIFF image"),
                    new Start(0, "IIRO", "a raw camera image"),
                    new Start(0, "IIU\0", "a raw camera image"),
                    new Start(0, "FUJIFILM", "a raw camera image"),
                    new Start(0, "8BPS", "a Photoshop image"),
                    new Start(0, "gimp xcf", "a GIMP image"),
                    new Start(0, "%PDF", "a PDF document"),
                    new Start(0, "%!PS", "a PostScript document"),
                    new Start(0, "icns", "an ICNS icon"),
                    new Start(0, "v/1\1", "an OpenEXR image"),
                    new Start(0, "#?RADIANCE", "a Radiance HDR image"),
                    new Start(0, "DDS ", "a DDS image"),
                    new Start(0, "qoif", "a QOI image"),
                    new Start(0, "FLIF", "a FLIF image"),
                    new Start(0, "BPG\u00fb", "a BPG image"),
                    new Start(0, "\u008aMNG", "a MNG animation"),
                    new Start(0, "\n\5\1", "a PCX image"),
                    new Start(0, "Y\u00a6j\u0095", "a Sun raster image"),
                    new Start(0, "\1\u00da", "an SGI image"),
                    new Start(0, "(\0\0\0", "a bitmap without a file header (DIB)"),
                    new Start(0, "SIMPLE  =", "a FITS image"),
                    new Start(128, "DICM", "a DICOM image"),
                    new Start(0, "\u0089HDF\r\n", "an HDF5 file"),
                    new Start(0, "\u0093NUMPY", "a NumPy array"));

    private static final List<Start> OTHERS =
            List.of(
                    new Start(0, "PK\3\4", "a zip file"),
                    new Start(0, "\u001f\u008b", "a gzip file"),
                    new Start(0, "7z\u00bc\u00af", "a 7z file"),
                    new Start(0, "Rar!", "a RAR file"),
                    new Start(257, "ustar", "a tar file"),
                    new Start(0, "RIFF", "a video or sound"),
                    new Start(0, "\u001aE\u00df\u00a3", "a video"),
                    new Start(0, "\0\5\26\7", "what macOS keeps about another file"));

    private static final Set<String> HEIC =
            Set.of("heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs");
    private static final Set<String> AVIF = Set.of("avif", "avis");

    /** Extensions of images that are not read: when such files are left out, it is said aloud. */
    private static final Set<String> EXTENSIONS =
            Set.of(
                    "heic", "heif", "hif", "avif", "jp2", "j2k", "jpf", "jpx", "j2c", "jxl", "jxr",
                    "wdp", "hdp", "svg", "svgz", "psd", "xcf", "pdf", "eps", "ps", "ico", "cur",
                    "icns", "ppm", "pgm", "pbm", "pnm", "pfm", "tga", "exr", "hdr", "dds", "qoi",
                    "pcx", "ras", "sgi", "fits", "dcm", "dicom", "nii", "npy", "mng", "bpg", "raw",
                    "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2", "raf", "pef", "srw");

    private UnreadFormat() {}

    /** Whether a file of this name is an image, of a format that is not read. */
    static boolean isNamed(String fileName) {
        return EXTENSIONS.contains(ImageFormat.extension(fileName));
    }

    /** What is wrong with a file that has none of the {@link ImageFormat formats}. */
    static String reason(byte[] file) {
        String image = image(file);
        if (image != null) {
            return "is " + image + ", which is not read; convert it to JPEG or PNG";
        }
        for (Start start : OTHERS) {
            if (startsWith(file, start.at, start.bytes)) {
                return "is " + start.name + ", not an image";
            }
        }
        String text = text(file);
        if (text.startsWith("version https://git-lfs")) {
            return "is a Git LFS pointer, not the image; fetch it with: git lfs pull";
        }
        if (text.startsWith("<!doctype html") || text.startsWith("<html")) {
            return "is an HTML page, not an image; look into it for why the download failed";
        }
        return isText(file)
                ? "broken image: it is a text file"
                : "broken image: neither JPEG nor PNG, GIF, BMP, TIFF or WebP";
    }

    private static @Nullable String image(byte[] file) {
        if (startsWith(file, 4, "ftyp")) {
            return boxed(file);
        }
        for (Start start : IMAGES) {
            if (startsWith(file, start.at, start.bytes)) {
                return start.name;
            }
        }
        if (file.length > 2 && file[0] == 'P' && Character.isWhitespace(file[2])) {
            boolean integers = file[1] >= '1' && file[1] <= '7';
            if (integers || file[1] == 'F' || file[1] == 'f') {
                return "a PNM image";
            }
        }
        if (startsWith(file, file.length - 18, "TRUEVISION-XFILE") || isTga(file)) {
            return "a TGA image";
        }
        if (startsWith(file, 0, "\0\0\1\0") || startsWith(file, 0, "\0\0\2\0")) {
            return "an ICO icon or cursor";
        }
        String text = text(file);
        return text.startsWith("<svg") || text.startsWith("<?xml") && text.contains("<svg")
                ? "an SVG drawing"
                : null;
    }

    /** TGA files begin with no name of their own: a colour image without a palette. */
    private static boolean isTga(byte[] file) {
        if (file.length < 18 || file[1] != 0 || file[3] != 0 || file[4] != 0) {
            return false;
        }
        boolean kind = file[2] == 2 || file[2] == 3 || file[2] == 10 || file[2] == 11;
        return kind && (file[16] == 8 || file[16] == 24 || file[16] == 32);
    }

    /** ISO 14496-12, section 4.3: the first box names the kinds that the file can be taken for. */
    private static String boxed(byte[] file) {
        boolean heif = false;
        for (int at = 8; at + 4 <= Math.min(file.length, 64); at += at == 8 ? 8 : 4) {
            String brand = new String(file, at, 4, StandardCharsets.ISO_8859_1);
            if (AVIF.contains(brand)) {
                return "an AVIF image";
            }
            if (HEIC.contains(brand)) {
                return "a HEIC image";
            }
            if (brand.equals("crx ")) {
                return "a raw camera image";
            }
            heif |= brand.equals("mif1") || brand.equals("msf1");
        }
        return heif ? "a HEIF image" : "a video";
    }

    /** The beginning in small letters, without a byte-order mark and white space before it. */
    private static String text(byte[] file) {
        int from = startsWith(file, 0, "\u00ef\u00bb\u00bf") ? 3 : 0;
        int length = Math.min(file.length - from, 1024);
        return new String(file, from, length, StandardCharsets.ISO_8859_1)
                .strip()
                .toLowerCase(Locale.ROOT);
    }

    private static boolean isText(byte[] file) {
        for (int i = 0; i < Math.min(file.length, 1024); i++) {
            if (file[i] >= 0 && file[i] < ' ' && !Character.isWhitespace(file[i])) {
                return false;
            }
        }
        return true;
    }
}
