//! Texts as QR codes and links: written for terminals and picture files, read from pictures, in parts where they are too large.

mod image;
mod link;
mod parts;
mod picture;

pub(crate) use image::read_image;
pub(crate) use link::{join, link};
pub(crate) use picture::{Format, address, drawing, numbered, terminal, write_address, write_pictures, write_private};
