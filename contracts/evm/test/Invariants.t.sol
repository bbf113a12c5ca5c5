// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EvidenceAnchor} from "../src/EvidenceAnchor.sol";
import {vm} from "./Vm.sol";

/// @notice Does what anybody may try, and checks each step as it happens.
contract People {
    uint64 public constant SIZES = 6;
    uint256 public constant PEOPLE = 5;

    EvidenceAnchor public anchors;
    address[] public people;
    /// @dev What was held when a size was confirmed, and what each person attested last of it.
    mapping(uint64 => bytes32) public confirmed;
    mapping(uint64 => mapping(address => bytes32)) public attested;

    constructor() {
        address[] memory first = new address[](3);
        for (uint160 i = 0; i < PEOPLE; ++i) {
            people.push(address((i + 1) * 0x1001));
            if (i < 3) first[i] = people[i];
        }
        anchors = new EvidenceAnchor(bytes32(uint256(1)), first, 2);
    }

    function person(uint256 number) private view returns (address) {
        return people[number % PEOPLE];
    }

    /// @dev Of the six, one is nobody.
    function somebody(uint256 number) private view returns (address) {
        return number % (PEOPLE + 1) == PEOPLE ? address(0) : person(number % (PEOPLE + 1));
    }

    /// @dev `later` is how much later than the step before.
    function attest(uint256 who, uint64 size, uint8 kind, uint16 later) external {
        vm.warp(vm.getBlockTimestamp() + later);
        size %= SIZES;
        address account = person(who);
        bytes32 root = bytes32(uint256(1 + kind % 3 / 2));
        bytes32 digest = bytes32(uint256(1 + kind % 2));
        bool member = anchors.isMember(account);
        uint64 last = anchors.lastSizeOf(account);
        (bytes32 knownRoot,, uint64 knownTime, uint32 known) = anchors.anchorOf(size);
        vm.prank(account);
        try anchors.attest(size, root, digest) {
            assert(member);
            recordAttested(account, size, root, digest, last);
        } catch {
            (bytes32 root_,, uint64 time_, uint32 count) = anchors.anchorOf(size);
            assert(root_ == knownRoot && time_ == knownTime && count == known);
            assert(anchors.lastSizeOf(account) == last);
        }
    }

    function recordAttested(address account, uint64 size, bytes32 root, bytes32 digest, uint64 last)
        private
    {
        bytes32 pair = keccak256(abi.encode(root, digest));
        (bytes32 root_, bytes32 digest_, uint64 time, uint32 count) = anchors.anchorOf(size);
        assert(root_ == root && digest_ == digest && count >= 1);
        assert(anchors.hasAttested(size, account));
        assert(anchors.lastSizeOf(account) == (size > last ? size : last));
        attested[size][account] = pair;
        if (time != 0 && confirmed[size] == 0) {
            assert(count >= anchors.threshold() && time == vm.getBlockTimestamp());
            assert(membersBehind(size) >= anchors.threshold());
            confirmed[size] = keccak256(abi.encode(root, digest, time));
        }
    }

    function membersBehind(uint64 size) private view returns (uint256 count) {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            if (anchors.isMember(people[i]) && anchors.hasAttested(size, people[i])) ++count;
        }
    }

    function vote(uint256 who, uint256 admitted, uint256 removed, uint8 threshold) external {
        voteAs(person(who), anchors.term(), somebody(admitted), somebody(removed), threshold % 5);
    }

    /// @dev As many as needed, for what can be, so that members do change.
    function decide(uint256 admitted, uint256 removed, uint8 threshold) external {
        uint64 term = anchors.term();
        address newcomer = firstFrom(admitted, false);
        address leaver = firstFrom(removed, true);
        uint256 count = anchors.memberCount();
        if (newcomer != address(0)) ++count;
        if (leaver != address(0)) --count;
        for (uint256 i = 0; i < PEOPLE && count != 0; ++i) {
            voteAs(people[i], term, newcomer, leaver, 1 + threshold % count);
        }
    }

    /// @dev Of those who are members, or of those who are not; in one of three cases nobody.
    function firstFrom(uint256 number, bool member) private view returns (address) {
        if (number % 3 == 0) return address(0);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            address account = person((number / 3 + i) % PEOPLE);
            if (anchors.isMember(account) == member) return account;
        }
        return address(0);
    }

    function voteAs(
        address account,
        uint64 term,
        address admitted,
        address removed,
        uint256 threshold
    ) private {
        uint64 until = type(uint64).max;
        bytes32 proposal = anchors.proposalId(term, admitted, removed, threshold, until);
        uint256 needed = anchors.votesNeeded();
        uint64 before = anchors.term();
        bool member = anchors.isMember(account);
        vm.prank(account);
        try anchors.vote(term, admitted, removed, threshold, until) {
            assert(member && term == before);
            uint256 votes = anchors.votesFor(proposal);
            assert((anchors.term() != before) == (votes >= needed));
            if (votes < needed) return;
            assert(votes == needed && anchors.term() == before + 1);
            assert(anchors.threshold() == threshold);
            assert(removed == address(0) || !anchors.isMember(removed));
            assert(admitted == address(0) || anchors.isMember(admitted));
        } catch {
            assert(anchors.term() == before);
        }
    }
}

/// @notice What holds whatever was done, in whatever order.
contract InvariantsTest {
    People private people;
    EvidenceAnchor private anchors;

    function setUp() public {
        people = new People();
        anchors = people.anchors();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(people);
    }

    function invariant_what_was_confirmed_stays() external view {
        for (uint64 size = 0; size < people.SIZES(); ++size) {
            (bytes32 root, bytes32 digest, uint64 time,) = anchors.anchorOf(size);
            bytes32 was = people.confirmed(size);
            assert((time != 0) == (was != 0));
            assert(was == 0 || was == keccak256(abi.encode(root, digest, time)));
        }
    }

    function invariant_all_who_attested_attested_what_is_held() external view {
        for (uint64 size = 0; size < people.SIZES(); ++size) {
            (bytes32 root, bytes32 digest,,) = anchors.anchorOf(size);
            for (uint256 i = 0; i < people.PEOPLE(); ++i) {
                address account = people.people(i);
                if (!anchors.hasAttested(size, account)) continue;
                assert(people.attested(size, account) == keccak256(abi.encode(root, digest)));
                assert(anchors.lastSizeOf(account) >= size && size != 0);
            }
        }
    }

    function invariant_members_can_always_decide() external view {
        uint256 count = anchors.memberCount();
        assert(anchors.threshold() >= 1 && anchors.threshold() <= count);
        assert(anchors.votesNeeded() <= count && anchors.votesNeeded() * 2 > count);
        address[] memory members = anchors.members();
        assert(members.length == count);
        for (uint256 i = 0; i < count; ++i) {
            assert(anchors.isMember(members[i]));
        }
    }

    function invariant_ledger_stays() external view {
        assert(anchors.ledger() == bytes32(uint256(1)) && address(anchors).balance == 0);
    }
}
