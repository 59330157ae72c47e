use super::*;

/// Packets of all kinds. Some of the messages have the length of the longest short one.
fn packets(count: usize) -> Vec<Packet> {
    let text = |length| Packet::Message("è".repeat(length / 2).into());
    let data = |length| Packet::Message(vec![7; length].into());
    (0..count)
        .map(|index| match index % 8 {
            0 => text(2 * index),
            1 => data(index),
            2 => text(SHORT - 1),
            3 => data(SHORT),
            4 => text(SHORT + 1),
            5 => data(SHORT + 1),
            6 => Packet::Pong("probe".into()),
            _ => Packet::Message("".into()),
        })
        .collect()
}

fn list(packets: &[Packet]) -> PacketList {
    packets.iter().cloned().collect()
}

#[test]
fn packets_are_the_same_by_value_and_as_frames() {
    let packets = packets(40);
    let list = list(&packets);
    assert_eq!(list.len(), packets.len());
    assert!(list.frames().eq(packets.iter().map(frame)));
    for (index, packet) in packets.iter().enumerate() {
        assert_eq!(list.packet(index).as_ref(), Some(packet));
        assert_eq!(list.frame(index), Some(frame(packet)));
    }
    assert_eq!(list.packet(40), None);
    assert_eq!(list.frame(40), None);
    assert_eq!(list.clone().into_packets().collect::<Vec<_>>(), packets);
    let amounts: Vec<Amount> = packets
        .iter()
        .map(|packet| match packet {
            Packet::Message(message) => Amount {
                messages: 1,
                bytes: message.len(),
            },
            _ => Amount::default(),
        })
        .collect();
    assert_eq!(list.amounts().collect::<Vec<_>>(), amounts);
}

#[test]
fn a_short_message_is_copied_and_a_long_one_is_moved() {
    let mut list = PacketList::default();
    let short = Message::from(vec![1; SHORT]);
    assert_eq!(list.push_message(short.clone()), Some(short));
    let long = Message::from(vec![1; SHORT + 1]);
    let buffer = long.as_binary().map(|data| data.as_ptr());
    assert_eq!(list.push_message(long), None);
    let moved = list.into_messages().last();
    let moved = moved.as_ref().and_then(Message::as_binary);
    assert_eq!(moved.map(|data| data.as_ptr()), buffer);
}

/// Takes from the front and adds at the end in turn, so that the memory of what was taken is freed
/// in between.
#[test]
fn parts_taken_from_the_front_are_in_order() {
    let packets = packets(300);
    for part in [1, 3, 7, 16, 64] {
        let mut rest = packets.as_slice();
        let mut queue = PacketList::default();
        let mut taken = Vec::new();
        while taken.len() < packets.len() {
            let (added, behind) = rest.split_at(rest.len().min(part + 2));
            rest = behind;
            queue.append(list(added));
            let front = queue.take_front(part);
            assert!(front.len() <= part);
            taken.extend(front.into_packets());
            assert!(
                queue.first <= queue.len() + part,
                "the places of taken packets are freed"
            );
        }
        assert!(queue.is_empty());
        assert_eq!(taken, packets);
    }
}

#[test]
fn a_packet_is_added_at_the_front_of_a_list_that_was_partly_taken() {
    let packets = packets(40);
    for taken in [0, 5, 30] {
        let mut queue = list(&packets);
        queue.take_front(taken);
        queue.push_front(Packet::Pong("x".into()));
        assert_eq!(queue.len(), 41 - taken);
        let front = queue.take_front(3);
        assert_eq!(front.packet(0), Some(Packet::Pong("x".into())));
        assert!(
            front
                .into_packets()
                .skip(1)
                .eq(packets[taken..taken + 2].iter().cloned())
        );
        assert!(
            queue
                .into_packets()
                .eq(packets[taken + 2..].iter().cloned())
        );
    }
}

#[test]
fn lists_are_equal_if_their_packets_are() {
    let packets = packets(20);
    let mut part = list(&packets);
    part.take_front(3);
    assert_eq!(part, list(&packets[3..]));
    assert_ne!(part, list(&packets[4..]));
    let mut longer = part.clone();
    longer.push(Packet::Noop);
    assert_ne!(part, longer);
    assert_eq!(format!("{part:?}"), format!("{:?}", &packets[3..]));
}

#[test]
fn an_emptied_list_keeps_buffers_of_the_right_size_only() {
    let mut burst = PacketList::default();
    for _ in 0..1000 {
        burst.push(Packet::Message("x".repeat(100).into()));
    }
    let mut empty = burst.into_empty().expect("a buffer was needed");
    assert!(empty.is_empty());
    assert!(empty.texts.capacity() >= 100_000);
    empty.push(Packet::Message("hi".into()));
    assert!(
        empty.into_empty().is_none(),
        "buffers of 1,000 messages, for one message"
    );
    let mut few = PacketList::default();
    few.push(Packet::Message("hi".into()));
    assert!(few.into_empty().is_some_and(|empty| empty.is_empty()));
    assert!(PacketList::default().into_empty().is_none());
}

#[test]
fn a_message_that_does_not_fit_in_the_index_is_moved() {
    let start = usize::try_from(u32::MAX).expect("a usize has 32 bits");
    assert!(Place::short(Kind::Data, SHORT, start).is_some());
    assert!(Place::short(Kind::Data, SHORT, start + 1).is_none());
    assert!(Place::short(Kind::Data, SHORT + 1, 0).is_none());
}

#[test]
fn a_message_at_the_end_of_the_index_is_copied_whole() {
    // The place that `Place::short` still grants.
    let start = usize::try_from(u32::MAX).expect("a usize has 32 bits");
    let last = Place::short(Kind::Data, SHORT, start).expect("a place");
    let mut run = Run::before(0);
    run.add(last);
    assert_eq!(run.range().len(), SHORT);
}
